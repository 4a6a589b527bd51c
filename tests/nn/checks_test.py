"""Descriptions stay short and finite, whatever the value."""

import time

import numpy as np
import pytest

from jax_encoder.nn import checks


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
    assert len(checks.failure(ValueError("x" * 10**6))) < 300
