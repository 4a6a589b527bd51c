"""The command `jax-encoder NAME ...`: every binary under one name, from anywhere."""

import ast
import pathlib
import runpy
import sys

_ROOT = pathlib.Path(__file__).parent.parent


def binaries() -> dict[str, str]:
    """The binaries by name, each with the first sentence of its documentation."""
    found = {}
    for path in sorted(_ROOT.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        text = ast.get_docstring(tree) or ""
        if not path.name.startswith("_") and "def main(" in path.read_text("utf-8"):
            found[path.stem] = " ".join(text.partition("\n\n")[0].split())
    return found


def overview() -> str:
    """All binaries with a sentence each, as lines of text."""
    named = binaries()
    width = max(map(len, named), default=0)
    lines = [f"  {name:{width}}  {sentence}" for name, sentence in named.items()]
    return "\n".join(
        ["Usage: jax-encoder NAME [FLAGS]; NAME --help tells more.", *lines]
    )


def main(arguments: list[str] | None = None) -> int:
    """Runs the binary that the first argument names.

    Args:
      arguments: without the program's name; by default those of this process.

    Returns:
      The exit code, where no binary was run: 0 after the overview, 2 for a name that
      no binary has. A binary that is run exits by itself.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(overview())
        return 0
    name = arguments[0].replace("-", "_")
    if name not in binaries():
        print(
            f"jax-encoder: there is no command {arguments[0]!r}."
            "\nSee `jax-encoder` alone for the commands.",
            file=sys.stderr,
        )
        return 2
    sys.argv = [f"jax-encoder {name}", *arguments[1:]]
    runpy.run_module(f"experiments.{name}", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
