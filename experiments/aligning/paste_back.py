"""Renderings of codes, pasted back into the photographs that the codes came from."""

import pathlib
from collections.abc import Callable, Mapping, Sequence

from jax_encoder.alignment import frames, pasting
from jax_encoder.errors import InputError
from jax_encoder.io import codes, files, images, json_types

ENDING = ".pasted.png"


def paste_rows(
    rows: Sequence[Mapping[str, json_types.Json]],
    output: pathlib.Path,
    options: pasting.PastingOptions,
    *,
    tell: Callable[[str], None] = print,
) -> int:
    """Writes `<name>.pasted.png` for every reconstruction of a run.

    Args:
      rows: of the run's summary.
      output: its directory, with `<name>.npz` and `<name>.png`.
      options: mask, border and colors.
      tell: is told of every picture that cannot be pasted.

    Returns:
      How many could not.

    Raises:
      WriteError: the disk is full or read-only.
    """
    num_failed = 0
    for row in rows:
        if row["status"] == "failed":
            continue
        try:
            paste_one(output / row["name"], options)
        except files.WriteError:
            raise
        except (InputError, OSError) as error:
            tell(f"{row['name']}: not pasted back: {error}")
            num_failed += 1
    return num_failed


def paste_one(stem: pathlib.Path, options: pasting.PastingOptions) -> None:
    """Writes `<stem>.pasted.png` from `<stem>.npz` and `<stem>.png`.

    Args:
      stem: of the code's files.
      options: mask, border and colors.

    Raises:
      ValueError: the code has no frame, or the photograph is not what it was.
      WriteError: the disk is full or read-only.
    """
    frame = frames.from_metadata(codes.load(f"{stem}.npz").metadata)
    if frame is None:
        raise InputError("its picture was not aligned from a photograph (see --align).")
    pasted = pasting.paste(
        pasting.photograph(frame), images.read(f"{stem}.png"), frame, options
    )
    images.write(f"{stem}{ENDING}", pasted)
