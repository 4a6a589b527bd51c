"""The types of what JSON files hold: settings, rows of tables, reports."""

from typing import Any

Json = Any
"""A value of JSON: a text, a number, a truth value, None, or a list or dict of them."""

Row = dict[str, Json]
"""An object of JSON: the fields of a row, a report or a description, by name."""
