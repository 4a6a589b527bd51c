"""Golden parity on the device at hand: the networks against their references.

The references were computed by the original implementations in float32 on a CPU
(tests/golden). A device multiplies in float32 only when it is asked to; by default it
may round the factors (TF32, bfloat16 passes), which shows here as a larger error.
"""

import dataclasses
import importlib.util
import pathlib
from collections.abc import Callable
from types import ModuleType

import jax
import numpy as np

import converters
from converters.formats import lpips_layouts
from converters.readers import contents
from jax_encoder.inversion import rendering
from jax_encoder.io import json_types, loading

GENERATORS = {
    "stylegan1": ("sg1_interfacegan_r32", "wplus", "img_wplus"),
    "stylegan2": ("sg2ada_skip_r32", "ws_plus", "img_ws_plus_const"),
    "stylegan3": ("sg3_t_r32", "ws_plus", "img_ws_plus"),
}
"""Family -> fixture, its input, and the output it must give."""

NAMES = (*GENERATORS, "lpips")

SETTINGS = (
    ("float32", "highest", 1e-4),
    ("float32", "default", 2e-2),
    ("bfloat16", "default", 1e-1),
)
"""Type of the convolutions, precision of products, and the largest error that passes:
over the largest value of the reference. The first limit is that of the fixtures; the
others tell rounding (10 and 8 bits through 14 layers) from a wrong program."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """A network with what it must give.

    Attributes:
      name: of the network.
      run: from a type of convolutions to a function of no arguments.
      expected: what that returns.
    """

    name: str
    run: Callable[[str], Callable[[], object]]
    expected: np.ndarray


def check(name: str, golden: pathlib.Path) -> Check:
    """Reads a network with its reference.

    Args:
      name: of `NAMES`.
      golden: the folder of fixtures.

    Raises:
      OSError: it lacks the fixture.
    """
    if name == "lpips":
        return _lpips(golden)
    folder, taken, given = GENERATORS[name]
    return _generator(name, golden / folder, taken, given)


def _generator(family, folder, taken, given) -> Check:
    (path,) = (p for p in folder.iterdir() if p.suffix in (".pkl", ".pth"))
    generator = converters.load(path)
    arrays = loading.read_arrays(folder / "io.npz")

    def run(dtype):
        render = jax.jit(lambda g, ws: rendering.render(g, ws, dtype=dtype))
        return lambda: render(generator, arrays[taken])

    return Check(name=family, run=run, expected=arrays[given].transpose(0, 2, 3, 1))


def _lpips(golden: pathlib.Path) -> Check:
    folder = golden / "net_lpips"
    recipe = _module(golden / "recipe.py")
    heads = contents.read(folder / "lpips_lin_vgg.pth").tree
    network = lpips_layouts.join(recipe.state_dict(folder, "vgg_trunk"), heads)
    arrays = loading.read_arrays(folder / "io.npz")
    pair = [
        arrays[f"image{i}_u8"].transpose(0, 2, 3, 1).astype(np.float32) / 127.5 - 1
        for i in (0, 1)
    ]

    def run(_):
        compare = jax.jit(lambda n, a, b: n(a, b))
        return lambda: compare(network, *pair)

    expected = arrays["vgg/distance"].ravel()
    return Check(name="lpips", run=run, expected=expected)


def _module(path: pathlib.Path) -> ModuleType:
    """The fixtures' own recipe of weights; it imports numpy alone."""
    spec = importlib.util.spec_from_file_location("golden_recipe", path)
    if spec is None or spec.loader is None:
        raise OSError(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measure(checked: Check, dtype: str, precision: str, limit: float) -> json_types.Row:
    """Computes a network and compares it.

    Args:
      checked: the network.
      dtype: of its convolutions.
      precision: of matrix products and convolutions, as
        `jax.default_matmul_precision` names them.
      limit: the largest error that passes.

    Returns:
      A row: plain JSON values.
    """
    with jax.default_matmul_precision(precision):
        result = np.asarray(checked.run(dtype)(), np.float64)
    error = np.abs(result - checked.expected).max() / np.abs(checked.expected).max()
    return {
        "name": f"parity {checked.name} {dtype} {precision}",
        "error_share": float(error),
        "limit": limit,
        "passes": bool(error <= limit),
    }
