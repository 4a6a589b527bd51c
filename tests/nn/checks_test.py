"""Descriptions stay short and finite, whatever the value."""

import dataclasses
import importlib
import inspect
import pkgutil
import time

import numpy as np
import pytest

from jax_encoder import nn
from jax_encoder.nn import checks, stylegan2


def endless():
    value = [1]
    value.append(value)
    return value


def doubled():
    value = [1]
    for _ in range(100):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (3, "3"),
        (-0.5, "-0.5"),
        ("a\n\u00fc", "'a\\n\\xfc'"),
        ("\ud800", "'\\ud800'"),
        ("x" * 10**7, "'" + "x" * 60 + "...'"),
        (1 << 9000, "an integer of 9001 bits"),
        (bytes(10**6), "1000000 bytes"),
        (endless(), "a list of 2"),
        (doubled(), "a list of 2"),
        ({"a": 1}, "a dict of 1"),
        (np.float32(0.5), "0.5"),
        (np.zeros((2, 3)), "an array of float64 [2, 3]"),
        (object(), "a value of the type object"),
    ],
)
def test_describe(value, text):
    start = time.process_time()
    assert checks.describe(value) == text
    assert time.process_time() - start < 0.5


def test_failure_never_shows_values():
    assert checks.failure(ValueError("plain")) == "ValueError: plain"
    assert checks.failure(KeyError("k" * 1000)).startswith("KeyError of 'kkk")
    assert checks.failure(ValueError(doubled())) == "ValueError of a list of 2"
    assert checks.failure(RuntimeError()) == "RuntimeError"
    assert checks.failure(ValueError("a\nb\x00 \u202ec")).isprintable()
    assert len(checks.failure(ValueError("x" * 10**6))) < 300


def _configs():
    """A config of every network of the library, as small as its defaults allow."""
    needed = {
        "resolution": 16,
        "channels": (4, 4, 4),
        "num_ws": 4,
        "w_dim": 4,
    }
    for info in pkgutil.iter_modules(nn.__path__):
        module = importlib.import_module(f"jax_encoder.nn.{info.name}")
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == module.__name__:
                kind = getattr(value, "config_class", None)
                if kind is None or "encoder" in checks._annotations(kind):
                    continue
                fields = dataclasses.fields(kind)
                given = {f.name: needed[f.name] for f in fields if f.name in needed}
                if kind.__module__.endswith("stylegan1"):
                    given["channels"] = (4, 4, 4, 4)
                family = kind.__module__.rpartition(".")[2]
                if family in ("vgg", "lpips", "regressors"):
                    given.pop("channels", None)
                yield kind, kind(**given)


CONFIGS = dict(_configs())


def test_there_is_a_config_of_every_family():
    assert len(CONFIGS) >= 16


@pytest.mark.parametrize("kind", CONFIGS, ids=lambda kind: kind.__module__)
def test_no_field_takes_an_extreme(kind):
    config = CONFIGS[kind]
    for field in dataclasses.fields(kind):
        is_text = isinstance(getattr(config, field.name), str)
        for extreme in (
            float("nan"),
            float("inf"),
            -1e30,
            10**9,
            doubled(),
            "x" * 10**6,
        ):
            with pytest.raises(ValueError, match=f"{field.name}.* must be "):
                dataclasses.replace(config, **{field.name: extreme})
        if not is_text:
            with pytest.raises(ValueError, match=f"{field.name}.* must be "):
                dataclasses.replace(config, **{field.name: "x"})


def test_messages_name_the_entry_and_its_range():
    config = stylegan2.StyleGAN2Config(resolution=16, channels=(4, 4, 4))
    for changes, message in (
        ({"z_dim": None}, "`z_dim` must be a whole number from 1 to 8192, got None"),
        ({"channels": (4, 4, "a")}, r"`channels\[2\]` must be a whole number from 1"),
        ({"conv_clamp": True}, "a number from 0.001 to 1e\\+08 or None, got True"),
        ({"num_mapping_layers": 10**5}, "a whole number from 0 to 64, got 100000"),
        ({"taps": (1.0,) * 100}, "a tuple of at most 64"),
        ({"family": "stylegan3"}, "`family` must be 'stylegan2'"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(config, **changes)


def test_the_ceiling_of_memory(monkeypatch):
    monkeypatch.delenv("JAX_ENCODER_MAX_NETWORK_GIB", raising=False)
    checks.check_size(1 << 30)
    with pytest.raises(ValueError, match="10.0 GiB; at most 8.0 GiB"):
        checks.check_size(10 << 30)
    monkeypatch.setenv("JAX_ENCODER_MAX_NETWORK_GIB", "16")
    checks.check_size(10 << 30)
