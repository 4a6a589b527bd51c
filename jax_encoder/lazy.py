"""Names of a package that are imported when they are first asked for (PEP 562)."""

import importlib
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def attach(
    package: str, names: Mapping[str, str] | None = None
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """Makes what a package needs to import its contents lazily.

    Args:
      package: its name.
      names: by name, where it comes from: "module" for `module.name`, "module:" for the
        module itself. The package's own modules need not be told.

    Returns:
      `__getattr__`, `__dir__` and `__all__` of the package.
    """
    known = dict(names or {})
    folder = pathlib.Path(str(sys.modules[package].__file__)).parent
    for path in folder.iterdir():
        is_package = (path / "__init__.py").is_file()
        if is_package or (path.suffix == ".py" and not path.stem.startswith("_")):
            known.setdefault(path.stem, f"{package}.{path.stem}:")
    public = sorted(known)

    def get(name: str) -> Any:
        if name not in known:
            raise AttributeError(
                f"{package} has no {name!r}; it has {', '.join(public)}."
            )
        module, is_module, _ = known[name].partition(":")
        loaded = importlib.import_module(module)
        found = loaded if is_module else getattr(loaded, name)
        setattr(sys.modules[package], name, found)
        return found

    return get, lambda: public, public
