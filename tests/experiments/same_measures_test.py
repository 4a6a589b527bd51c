"""However a picture is inverted, it ends with the same measures.

    pytest -m slow -s tests/experiments/same_measures_test.py

Alone, among eight, on eight simulated devices, and killed and resumed: 300 steps of the
preset `default` on the demo generator; a minute or two for each on two cores. All give
the same bits, though eight devices bring eight threads with them.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from jax_encoder.avatars import face_attributes, face_rendering
from jax_encoder.io import images

# As people run it; the tests' own settings compile quickly and compute slowly.
_FLAGS = ""
_NUM = 8


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A directory with eight pictures, of which the first is also alone."""
    root = tmp_path_factory.mktemp("same")
    (root / "photos").mkdir()
    attributes = face_attributes.sample(jax.random.key(7), _NUM)
    for index, picture in enumerate(np.asarray(face_rendering.render(attributes, 64))):
        images.write(root / "photos" / f"face_{index}.png", picture)
    return root


def start(place, name, *arguments, xla_flags=_FLAGS):
    command = [sys.executable, "-m", "experiments.encode_image", "--batch_size=8"]
    return subprocess.Popen(
        [*command, f"--output_dir={place / name}", *arguments],
        env=os.environ | {"XLA_FLAGS": xla_flags, "XDG_CACHE_HOME": str(place)},
    )


def measures(place: pathlib.Path, name: str):
    """LPIPS and PSNR by the name of the picture, and its ws `[num_ws, w_dim]`."""
    pictures = json.loads((place / name / "summary.json").read_text())["pictures"]
    assert {row["status"] for row in pictures} == {"ok"}
    return {
        row["name"]: (
            np.array([row["lpips"], row["psnr"]]),
            np.load(place / name / f"{row['name']}.npy"),
        )
        for row in pictures
    }


@pytest.mark.slow
def test_the_same_measures_after_300_steps(place):
    photos = f"--images={place / 'photos'}"
    one = f"--images={place / 'photos' / 'face_0.png'}"
    assert start(place, "alone", one).wait() == 0
    assert start(place, "batch", photos).wait() == 0
    eight = "--xla_force_host_platform_device_count=8"
    assert start(place, "devices", photos, xla_flags=eight).wait() == 0

    killed = start(place, "killed", photos, "--chunk=25")
    state = place / "killed" / ".resume" / "batch.npz"
    while killed.poll() is None and not state.exists():
        time.sleep(0.1)
    time.sleep(2)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert start(place, "killed", photos, "--chunk=25", "--resume").wait() == 0

    batch = measures(place, "batch")
    for name in ("alone", "devices", "killed"):
        for picture, (measured, ws) in measures(place, name).items():
            expected, expected_ws = batch[picture]
            np.testing.assert_array_equal(ws, expected_ws, err_msg=f"{name}: {picture}")
            # The codes are the same; a batch is measured by another program than one.
            np.testing.assert_allclose(measured, expected, rtol=1e-4)
