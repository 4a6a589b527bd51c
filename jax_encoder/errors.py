"""The class of everything that a caller, a flag or a file may be wrong about."""


class InputError(ValueError):
    """What was given cannot be used; the message says what was expected and came.

    Every refusal of this project is one, so that it can be told from a defect: a
    `ValueError` of any other class comes out of code that should not have raised it.
    """
