"""What once took minutes or gigabytes, or was not a ConversionError, held to limits."""

import json
import pathlib
import subprocess
import sys

import pytest

import converters
from converters.readers import contents
from fuzz import findings

_MEASURE = r"""
import json, pathlib, re, sys, time
import converters
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    start, error = time.process_time(), None
    try:
        converters.inspect(path)
        converters.load(path)
    except converters.ConversionError as caught:
        error = str(caught)
    print(json.dumps([path.name, error, time.process_time() - start]))
status = open("/proc/self/status").read()  # ru_maxrss would count the parent too
print(re.search(r"VmHWM:\s*(\d+)", status)[1])
"""


def test_every_finding_ends_in_time_with_the_right_error(tmp_path):
    found = findings.make()
    for name, content in found.items():
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=pathlib.Path(converters.__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr[-3000:]
    *lines, peak = done.stdout.splitlines()
    assert len(lines) == len(found)
    for line in lines:
        name, error, seconds = json.loads(line)
        assert error is not None, name
        assert name in error
        assert len(error) < 3000, name
        assert seconds < 5, name
    assert int(peak) < 1 << 20  # kibibytes


def endless(value=0.5, times=200):
    """A list that any text or array of it repeats 2**times."""
    for _ in range(times):
        value = [value, value]
    return value


@pytest.mark.parametrize("name", ["up_factor", "in_size", "padding"])
def test_a_setting_that_is_an_endless_list(golden, name):
    tree = contents.read(golden / "sg3_t_r32" / "network.pkl").tree
    synthesis = tree["G_ema"].state["_modules"]["synthesis"]
    layers = synthesis.state["_modules"].values()
    layer = next(layer for layer in layers if "up_factor" in layer.state)
    layer.state[name] = endless()
    with pytest.raises(converters.ConversionError, match="a list of 2"):
        converters.convert(tree)


def test_an_argument_that_is_an_endless_list(golden):
    tree = contents.read(golden / "sg3_t_r32" / "network.pkl").tree
    synthesis = tree["G_ema"].state["_modules"]["synthesis"]
    synthesis.state["_init_kwargs"]["channel_base"] = endless()
    with pytest.raises(converters.ConversionError, match="a list of 2"):
        converters.convert(tree)
