import os
import subprocess
import sys

import pytest

from jax_encoder.inversion import presets


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "experiments.encode_image", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        check=False,
    )


@pytest.fixture(scope="module")
def shown():
    return run("--help").stdout


def test_the_flags_stand_in_groups(shown):
    titles = ["One picture:", "Many pictures:", "What to do:", "How the code is found:"]
    titles += ["Films:", "The run:", "Memory and devices:", "Several processes:"]
    places = [shown.index(f"\n{title}\n") for title in titles]
    assert places == sorted(places)
    assert shown.index("--fps") > shown.index("\nFilms:")
    assert "(default: 10.0)" in shown
    assert "--[no]resume" in shown


def test_every_flag_is_shown_once(shown):
    heads = [line for line in shown.splitlines() if line.startswith("  --")]
    assert len(heads) == len(set(heads)) > 40


def test_the_presets_are_listed_with_values_and_sources():
    done = run("--list_presets")
    assert done.returncode == 0
    for name in presets.names():
        assert f"{name}\n    source: {presets.get(name).source}" in done.stdout
    assert "schedule: CosineRamps(learning_rate=0.1)" in done.stdout
