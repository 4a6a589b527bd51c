"""How the site is built: `make docs`. Offline, and every warning is an error."""

import importlib
import pathlib
import pkgutil
import re
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import jax_encoder  # noqa: E402

project = "jax_encoder"
author = "the authors of jax_encoder"
copyright = author
release = version = jax_encoder.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "benchmarks", "cluster"]
nb_execution_mode = "off"  # Cells are run by tests, which say what went wrong.
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
# Several configurations have fields of one name; the types that name them are no links.
suppress_warnings = ["myst.strikethrough", "ref.python"]

html_theme = "furo"
html_title = f"jax_encoder {release}"
html_static_path: list[str] = []
html_copy_source = False
html_show_sourcelink = False

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# What an environment may lack; the reference is built without it.
autodoc_mock_imports = ["dlib", "mediapipe", "gradio", "ray", "torch", "tensorboardX"]

_PACKAGES = ("jax_encoder", "converters")


def setup(app):
    """Writes a page for every public module, and reads docstrings as Markdown."""
    app.connect("builder-inited", _write_reference)
    app.connect("autodoc-process-docstring", _as_rst, priority=400)


def _write_reference(app):
    directory = pathlib.Path(app.srcdir) / "api"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    names = dict(pair for package in _PACKAGES for pair in _modules(package))
    for name, is_package in names.items():
        # A package shows again what its modules define.
        options = "   :no-index:\n" if is_package else ""
        title = f"{name}\n{'=' * len(name)}\n\n"
        page = directory / f"{name}.rst"
        page.write_text(f"{title}.. automodule:: {name}\n{options}")
    pages = "\n".join(f"   {name}" for name in names)
    text = "Reference\n=========\n\nEvery public module, from its docstrings.\n\n"
    text += f".. toctree::\n   :maxdepth: 1\n\n{pages}\n"
    (directory / "index.rst").write_text(text)


def _modules(package):
    yield package, True
    path = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(path, f"{package}."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            yield module.name, module.ispkg


_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)(\w?)")


def _as_rst(app, what, name, obj, options, lines):
    """What our docstrings take from Markdown: code, indented code, tables."""
    text = "\n".join(lines)
    text = re.sub(r":\n\n(?=    \S)", "::\n\n", text)
    text = re.sub(r"((?:^ *\|.*\n?)+)", _as_block, text, flags=re.MULTILINE)
    parts = re.split(r"(::\n\n(?:(?: {4}.*)?\n?)+)", text)
    parts[::2] = [_as_literals(part) for part in parts[::2]]
    lines[:] = "".join(parts).split("\n")


def _as_block(match):
    rows = "".join(f"    {row}\n" for row in match[0].rstrip("\n").split("\n"))
    return f"::\n\n{rows}\n"


def _as_literals(text):
    pieces = re.split(r"(?<!`)(`[^`]+`\w?)(?!`)", text)
    plain = [piece.replace("|", r"\|") for piece in pieces[::2]]
    code = [_CODE.sub(_as_literal, piece) for piece in pieces[1::2]]
    return "".join(a + b for a, b in zip(plain, [*code, ""], strict=True))


def _as_literal(match):
    code = " ".join(match[1].split())
    return f"``{code}``" + (f"\\ {match[2]}" if match[2] else "")
