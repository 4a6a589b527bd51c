"""What `import jax_encoder` gives, and what it does not cost."""

import importlib
import pkgutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

import jax_encoder as je
from jax_encoder.inversion import presets, results

_PROGRAM = """
import sys, time
start = time.perf_counter()
import jax_encoder
print(time.perf_counter() - start, "jax" in sys.modules, "flax" in sys.modules)
"""


def test_importing_it_loads_no_jax():
    run = [sys.executable, "-c", _PROGRAM]
    shown = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    seconds, *loaded = shown.split()
    assert loaded == ["False", "False"]
    assert float(seconds) < 0.5


def test_every_public_name_is_there():
    wanted = {"load", "save", "invert", "Inverter", "presets", "demo", "latents"}
    assert wanted | {"editing", "metrics", "inversion", "io"} <= set(dir(je))
    assert je.presets is presets
    packages = [info.name for info in pkgutil.iter_modules(je.__path__) if info.ispkg]
    assert len(packages) >= 9
    for name in packages:
        package = importlib.import_module(f"jax_encoder.{name}")
        assert package.__doc__
        assert dir(package) == sorted(package.__all__) != []
    for name in je.inversion.__all__:
        assert getattr(je.inversion, name).__doc__, name
    with pytest.raises(AttributeError, match="has no 'inverter'; it has Inverter"):
        _ = je.inverter


def test_the_demo_set_needs_no_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = je.demo.generator()
    assert je.demo.is_own(generator)
    assert je.demo.statistics().p is not None
    pictures = je.demo.pictures()
    assert pictures.shape[1:] == (generator.config.resolution,) * 2 + (3,)
    with pytest.raises(ValueError, match="lpips, vgg, identity and encoder, not 'age'"):
        je.demo.network("age")


@pytest.fixture
def calls(monkeypatch):
    """What `invert` makes of its arguments, without computing."""
    made = []

    class Recorder:
        def __init__(self, generator, preset, networks, *, statistics):
            made.append((preset, set(networks), statistics))

        def invert(self, images, **options):
            made.append(options)
            return results.Inversion

    monkeypatch.setattr("jax_encoder.inversion.inverter.Inverter", Recorder)
    return made


def test_invert_judges_by_the_demo_set_and_says_so(calls):
    generator, picture = je.demo.generator(), np.zeros((1, 8, 8, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        je.invert(picture, generator, "pti", num_steps=3, start="mean")
    preset, networks, statistics = calls[0]
    assert (preset.name, preset.config.num_steps, networks) == ("pti", 3, {"lpips"})
    assert statistics.p is not None
    assert calls[1]["start"] == "mean"
    other = je.load(je.demo.DIRECTORY / "avatars")
    with pytest.warns(UserWarning, match="know drawn faces only"):
        je.invert(picture, other)
    assert calls[2][2] is None
