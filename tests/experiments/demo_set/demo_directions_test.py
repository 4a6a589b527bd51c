"""The stage that finds the demo's directions: its commands, and what it keeps."""

import hashlib
import shutil

from experiments.demo_set import demo_directions
from experiments.networks import resources
from jax_encoder.io import bundles


def test_sets_lengths_on_some_people_and_measures_on_others(tmp_path):
    assets, work = tmp_path / "assets", tmp_path / "work"
    shutil.copytree(resources.DEMO_GENERATOR, assets / "avatars")
    calls = []

    def run(name, *arguments):
        calls.append((name, arguments))
        if name == "find_directions":
            made = work / "directions"
            made.mkdir(parents=True)
            (made / "directions.npz").write_bytes(b"arrays")
            (made / "README.md").write_text(f"--scorer={assets}/avatar_vgg on {work}/m")

    demo_directions.make(assets, work, run, num_samples=7, num_people=3, resolution=128)
    names = [name for name, _ in calls]
    assert names == [*["render_faces", "encode_image"] * 2, "find_directions"]
    seeds = {a for name, rest in calls for a in rest if a.startswith("--seed=")}
    assert len(seeds) == 2
    last = calls[-1][1]
    assert f"--calibrate_on={work / 'calibration'}" in last
    assert f"--measure_on={work / 'measuring'}" in last
    assert "--num_samples=7" in last
    card = (assets / "avatars" / "directions.md").read_text()
    assert card == "--scorer=avatar_vgg on m"
    noted = bundles.describe(assets / "avatars")["files"]["directions.npz"]
    assert noted == hashlib.sha256(b"arrays").hexdigest()
