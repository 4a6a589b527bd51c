"""Flags of numbers: finite and bounded, checked before anything else happens.

Every number that a binary takes is defined by these two functions, which the tests
see to. Without bounds of its own a count is an integer up to two thousand millions and
a number lies within a millionth of a millionth of what a float can be.
"""

import math
from collections.abc import Sequence
from typing import Any

from absl import flags

from jax_encoder.errors import InputError

flags.disclaim_key_flags()  # a flag belongs to the module that calls these

_LARGEST_INTEGER = 2**31 - 1
_LARGEST_FLOAT = 1e12


class _Finite(flags.FloatParser):
    """A float within bounds that is neither NaN nor infinite."""

    def convert(self, argument: int | float | str) -> float:
        """The number; refuses what is none, or not finite."""
        number = super().convert(argument)
        if not math.isfinite(number):
            raise InputError(f"must be a finite number, got {argument}")
        return number


def define_integer(
    name: str,
    default: int | None,
    help_text: str,
    lower_bound: int | None = None,
    upper_bound: int | None = None,
    **options: Any,
) -> flags.FlagHolder:
    """Defines the flag of a whole number.

    Args:
      name: of the flag.
      default: where it is not given.
      help_text: a clause.
      lower_bound: the smallest value taken; by default minus the largest.
      upper_bound: the largest value taken; by default 2^31 - 1.
      **options: of `absl.flags.DEFINE_integer`.

    Returns:
      The flag.
    """
    lowest = -_LARGEST_INTEGER if lower_bound is None else lower_bound
    highest = _LARGEST_INTEGER if upper_bound is None else upper_bound
    return flags.DEFINE_integer(name, default, help_text, lowest, highest, **options)


def define_number(
    name: str,
    default: float | None,
    help_text: str,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
    **options: Any,
) -> flags.FlagHolder:
    """Defines the flag of a finite number.

    Args:
      name: of the flag.
      default: where it is not given.
      help_text: a clause.
      lower_bound: the smallest value taken; by default minus the largest.
      upper_bound: the largest value taken; by default 1e12.
      **options: of `absl.flags.DEFINE`.

    Returns:
      The flag.
    """
    lowest = -_LARGEST_FLOAT if lower_bound is None else lower_bound
    highest = _LARGEST_FLOAT if upper_bound is None else upper_bound
    parser = _Finite(lowest, highest)
    serializer: Any = flags.ArgumentSerializer()
    return flags.DEFINE(
        parser, name, default, help_text, serializer=serializer, **options
    )


def define_seed(name: str, default: int, help_text: str) -> flags.FlagHolder:
    """Defines the flag of a seed: 0 to 2^32 - 1, as NumPy and JAX take it.

    Args:
      name: of the flag.
      default: where it is not given.
      help_text: a clause.

    Returns:
      The flag.
    """
    return flags.DEFINE_integer(name, default, help_text, 0, 2**32 - 1)


def define_choices(
    name: str, default: list[str], help_text: str, allowed: Sequence[str]
) -> flags.FlagHolder:
    """Defines the flag of a list of words, each one of those allowed.

    Args:
      name: of the flag.
      default: where it is not given.
      help_text: a clause.
      allowed: the words.

    Returns:
      The flag.
    """
    holder = flags.DEFINE_list(name, default, help_text)

    def check(words: list[str]) -> bool:
        unknown = [word for word in words if word not in allowed]
        if unknown or not words:
            what = repr(unknown[0]) if unknown else "nothing"
            raise flags.ValidationError(
                f"one or more of {', '.join(allowed)} are wanted, got {what}"
            )
        return True

    flags.register_validator(holder, check)
    return holder
