"""The pictures that a flag names, and an account of what lies beside them."""

import os
import sys

from experiments.launch import command_line
from jax_encoder.errors import InputError
from jax_encoder.io import folders


def find(where: str | os.PathLike) -> folders.Listing:
    """Lists pictures; says on standard error which files are left out, and why.

    Args:
      where: a directory, file or pattern.

    Returns:
      The listing.

    Raises:
      UsageError: there are no pictures.
    """
    try:
        listing = folders.look(where)
    except InputError as error:
        raise command_line.UsageError(str(error)) from error
    if listing.skipped:
        print(listing.account(), file=sys.stderr, flush=True)
    return listing
