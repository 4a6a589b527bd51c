"""The wheel by itself, outside of the checkout, as people have it from pip.

pytest -m slow tests/wheel_test.py
"""

import os
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()

# Eight pictures with a term, a chain and a schedule of one's own.
SCRIPT = """
import dataclasses
import jax, jax.numpy as jnp, numpy as np, optax
import jax_encoder as je
from jax_encoder.inversion import ImageTerm, Pixel, Preset, ProjectorConfig

@dataclasses.dataclass(frozen=True, kw_only=True)
class Edges(ImageTerm):
    weight: float = 0.5
    name: str = "edges"

    def prepare(self, networks, images):
        return images[:, 1:] - images[:, :-1]

    def compare(self, networks, a, b):
        return jnp.mean(jnp.abs(a - b), axis=(1, 2, 3))

def clipped(learning_rate, max_norm=1.0):
    return optax.chain(optax.clip_by_global_norm(max_norm), optax.adam(learning_rate))

schedule = optax.warmup_cosine_decay_schedule(0.0, 0.1, 5, 20)
config = ProjectorConfig(
    num_steps=20, optimizer=clipped, schedule=schedule, terms=[Pixel(), Edges()]
)
generator, pictures = je.demo.generator(), np.tile(je.demo.pictures(), (2, 1, 1, 1))
inverter = je.Inverter(
    generator, Preset(name="mine", config=config), {"lpips": je.demo.lpips()}
)
result = inverter.invert(pictures, key=jax.random.key(1))
print(je.__file__, result.ws.shape, sorted(result.curves))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of a new environment; only the dependencies are borrowed."""
    root = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", f"--wheel-dir={root}", str(ROOT)]
    subprocess.run([*pip, "wheel", *options], check=True)
    (wheel,) = root.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "jax_encoder/py.typed" in names
    assert not [name for name in names if "peers" in name or name.startswith("tests")]
    home = root / "environment"
    create = [sys.executable, "-m", "venv", "--without-pip", str(home)]
    subprocess.run(create, check=True)
    (packages,) = home.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    # Without their .pth files, which may name this checkout.
    (packages / "borrowed.pth").write_text("\n".join(borrowed))
    return home / "bin" / "python"


def _run(python, *arguments):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    return subprocess.run(
        [python, *arguments],
        cwd=python.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.slow
def test_the_example_of_the_readme(python):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    shown = _run(python, "-c", example.replace("num_steps=100", "num_steps=5"))
    assert "(4, 10, 128)" in shown


@pytest.mark.slow
def test_own_parts_in_thirty_lines(python):
    assert len(SCRIPT.strip().splitlines()) <= 30
    shown = _run(python, "-c", SCRIPT)
    assert str(python.parent.parent) in shown
    assert "(8, 10, 128)" in shown
    assert "edges" in shown.lower()


@pytest.mark.slow
def test_the_command(python):
    call = "from experiments.launch import console; console.main()"
    _run(python, "-c", call, "demo", "--output_dir=out", "--num_steps=5")
    made = python.parent.parent / "out"
    assert (made / "contact_sheet.png").is_file()
    assert (made / "summary.json").is_file()
