"""FFHQ-sized files: converted within 20 s and three times the file's size in memory.

pytest -m slow -s tests/converters/full_size_test.py
"""

import json
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from flax import nnx

import converters
from converters.writers import export, torch_writer
from jax_encoder.nn import stylegan2
from tests.converters import streams

CONFIG_F = stylegan2.StyleGAN2Config(
    resolution=1024, channels=(512, 512, 512, 512, 512, 256, 128, 64, 32)
)
MEASURE = r"""
import json, re, sys, time
import converters
start, cpu = time.perf_counter(), time.process_time()
generator = converters.load(sys.argv[1])
seconds = time.perf_counter() - start, time.process_time() - cpu
assert generator.config.resolution == 1024
status = open("/proc/self/status").read()  # ru_maxrss would count the parent too
peak = int(re.search(r"VmHWM:\s*(\d+)", status)[1]) * 1024
print(json.dumps([*seconds, peak]))
"""


@pytest.fixture(scope="module")
def arrays():
    """Random weights under NVIDIA's names."""
    random = np.random.default_rng(0)
    module = nnx.eval_shape(
        lambda: stylegan2.StyleGAN2Generator(CONFIG_F, rngs=nnx.Rngs(0))
    )
    graphdef, state = nnx.split(module)
    fill = lambda leaf: random.standard_normal(leaf.shape, np.float32)  # noqa: E731
    return export.nvidia_arrays(nnx.merge(graphdef, jax.tree.map(fill, state)))


def nvidia_module(arrays, class_name="Generator"):
    """The arrays as NVIDIA's nested modules."""
    own = {name: value for name, value in arrays.items() if "." not in name}
    parameters = {}
    for name, value in own.items():
        strides = tuple(stride // 4 for stride in value.strides)
        storage = streams.nested("FloatStorage", value.size, value.tobytes())
        parameters[name] = streams.tensor(storage, value.shape, strides)
    inner = {}
    for name in arrays:
        head, _, rest = name.partition(".")
        if rest:
            inner.setdefault(head, {})[rest] = arrays[name]
    modules = {name: nvidia_module(part, "Module") for name, part in inner.items()}
    return streams.module(class_name, parameters, modules)


def write_nvidia(arrays, path):
    parts = {part: nvidia_module(arrays) for part in ("G", "D", "G_ema")}
    path.write_bytes(streams.dumps(parts, 3))


def write_rosinality(arrays, path):
    names = {name: export.their_name(name) for name in arrays}
    state = {names[k]: export.unsqueeze(k, v) for k, v in arrays.items() if names[k]}
    tree = dict.fromkeys(("g_ema", "g", "d"), state)
    with path.open("wb") as file:
        torch_writer.write(file, {**tree, "latent_avg": arrays["mapping.w_avg"]})


@pytest.mark.slow
@pytest.mark.parametrize("write", [write_nvidia, write_rosinality])
def test_a_full_size_file(arrays, tmp_path, write):
    path = tmp_path / "network"
    write(arrays, path)
    size = path.stat().st_size
    assert size > 350e6
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=pathlib.Path(converters.__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seconds, cpu, peak = json.loads(done.stdout)
    print(f"\n{write.__name__}: {size / 1e6:.0f} MB in {seconds:.1f} s ({cpu:.1f} s of")  # noqa: T201
    print(f"processor), peak {peak / 1e6:.0f} MB, {peak / size:.2f} x the file")  # noqa: T201
    assert min(seconds, cpu) < 20
    assert peak < 3 * size
