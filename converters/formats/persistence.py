"""NVIDIA's persistent objects (stylegan2-ada-pytorch, stylegan3) as plain tables.

A pickled module is a `Record` whose state is the `__dict__` of the `torch.nn.Module`.
"""

from typing import TypeGuard

import numpy as np

from converters import conversion_errors
from converters.readers.records import Record

_MAX_MODULES = 10_000
_MAX_INNER = 1000
_MAX_ARRAYS = 50_000


def is_module(value: object, class_name: str = "") -> TypeGuard[Record]:
    """Whether `value` is a pickled module, of a class if one is given."""
    return (
        isinstance(value, Record)
        and isinstance(value.get("_parameters"), dict)
        and class_name in ("", value.class_name)
    )


def submodules(record: Record) -> dict[str, Record]:
    """The modules inside a module, by name."""
    found = record.get("_modules")
    found = found if isinstance(found, dict) else {}
    if len(found) > _MAX_INNER:
        raise conversion_errors.ConversionError(f"{len(found)} modules in one")
    return {
        name: value
        for name, value in found.items()
        if isinstance(name, str) and is_module(value)
    }


def submodule(record: Record, path: str) -> Record:
    """The module at a dotted path.

    Raises:
      ConversionError: there is none.
    """
    for name in path.split("."):
        inner = submodules(record)
        if name not in inner:
            raise conversion_errors.ConversionError(
                f"the pickled {record.class_name} has no module {path!r}"
            )
        record = inner[name]
    return record


def state_dict(record: Record) -> dict[str, np.ndarray]:
    """All parameters and buffers: dotted name -> array, as torch would list them.

    Raises:
      ConversionError: a parameter is no array, or the modules hold each other.
    """
    arrays: dict[str, np.ndarray] = {}
    waiting = [("", record)]
    for _ in range(_MAX_MODULES):
        if not waiting:
            return arrays
        prefix, module = waiting.pop()
        for table in ("_parameters", "_buffers"):
            entries = module.get(table)
            entries = entries if isinstance(entries, dict) else {}
            if len(entries) > _MAX_ARRAYS:
                break
            for name, value in entries.items():
                if value is None:
                    continue
                if not isinstance(value, np.ndarray):
                    raise conversion_errors.ConversionError(
                        "no tensor", entry=f"{prefix}{name}"
                    )
                arrays[f"{prefix}{name}"] = value
                if len(arrays) > _MAX_ARRAYS:
                    raise conversion_errors.ConversionError(
                        f"more than {_MAX_ARRAYS} tensors"
                    )
        for name, inner in submodules(module).items():
            waiting.append((f"{prefix}{name}.", inner))
        if len(waiting) > _MAX_MODULES or len(prefix) > 1000:
            break
    raise conversion_errors.ConversionError(
        f"more than {_MAX_MODULES} modules in one another"
    )


def setting(record: Record, name: str, kind: type | tuple[type, ...], default: object):
    """A plain attribute of a module, checked.

    Args:
      record: the module.
      name: of the attribute.
      kind: what it must be; NumPy scalars are converted first.
      default: when it is absent.

    Raises:
      ConversionError: it is of another type.
    """
    value = record.get(name, default)
    value = value.item() if isinstance(value, np.generic) else value
    if value is not default and not isinstance(value, kind):
        raise conversion_errors.ConversionError(
            f"the setting {name!r} of the {record.class_name} is a"
            f" {type(value).__name__}"
        )
    return value
