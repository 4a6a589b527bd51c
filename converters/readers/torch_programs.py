"""The weights of TorchScript archives; of the program beside them no line is run.

An archive of `torch.jit.save` names classes under `__torch__`, whose objects hold the
parameters as attributes. They become a state dict: names joined by points.
"""

from collections.abc import Callable

import numpy as np

from converters import conversion_errors
from converters.readers import budget as budgets
from converters.readers import pickles, records
from jax_encoder.nn.checks import describe

KIND = "torchscript"
_ROOT = "__torch__"
_LISTS = "torch.jit._pickle"
_MAX_DEPTH = 32
_MAX_NAME = 1000


def symbols(known: Callable[[str, str], object]) -> Callable[[str, str], object]:
    """Adds the classes of a program to the stand-ins for globals.

    Args:
      known: the stand-ins of other files.
    """

    def find(module: str, name: str) -> object:
        if len(module) <= _MAX_NAME and module.partition(".")[0] == _ROOT:
            return pickles.Symbol(
                KIND, lambda unpickler, *_: records.Record(KIND, name, {})
            )
        if module == _LISTS and name.startswith("build_"):
            return pickles.Symbol(_LISTS, lambda unpickler, items=(): items)
        return known(module, name)

    return find


def state_dict(program: object, budget: budgets.Budget) -> dict[str, object]:
    """The arrays of a program's modules, by their names.

    Args:
      program: the object of the archive.
      budget: what reading may cost.

    Raises:
      ConversionError: it is no module, or its modules hold each other.
    """
    if not isinstance(program, records.Record) or program.kind != KIND:
        raise conversion_errors.ConversionError(
            f"a TorchScript archive of {describe(program)}, which is no module"
        )
    found: dict[str, object] = {}
    waiting = [("", program, 0)]
    while waiting:
        prefix, module, depth = waiting.pop()
        state = module.state if isinstance(module.state, dict) else {}
        for name, value in state.items():
            room = _MAX_NAME - len(prefix)
            path = prefix + budget.characters(name, room, "the name of an attribute")
            if isinstance(value, records.Record):
                if depth == _MAX_DEPTH:
                    raise conversion_errors.ConversionError(
                        f"modules within each other, {_MAX_DEPTH} deep and more"
                    )
                waiting.append((path + ".", value, depth + 1))
            elif isinstance(value, np.ndarray):
                found[path] = value
    return found
