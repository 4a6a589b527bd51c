"""The stage of the demo set that finds its directions."""

import pathlib
import shutil
from collections.abc import Callable

from jax_encoder.io import bundles, files

NAME = "directions.npz"
# Evaluations of the inversions on which lengths are fitted and effects are measured.
_NUM_STEPS = 100
_SEEDS = {"calibration": 70_000, "measuring": 80_000}

Run = Callable[..., None]
"""Runs a binary with arguments."""


def make(
    assets: pathlib.Path,
    work: pathlib.Path,
    run: Run,
    *,
    num_samples: int,
    num_people: int,
    resolution: int,
) -> None:
    """Finds directions, and puts them with their card into the generator's bundle.

    Args:
      assets: the demo set.
      work: for inverted renderings and what is found.
      run: runs a binary.
      num_samples: codes to fit the directions to.
      num_people: renderings on which lengths are calibrated, and as many others on
        which the directions are measured.
      resolution: of the renderings.
    """
    for name, seed in _SEEDS.items():
        pictures = work / f"{name}_pictures"
        run(
            "render_faces",
            f"--num={num_people}",
            f"--seed={seed}",
            f"--resolution={resolution}",
            f"--output_dir={pictures}",
        )
        _invert(assets, pictures, work / name, run)
    run(
        "find_directions",
        f"--generator={assets / 'avatars'}",
        f"--scorer={assets / 'avatar_vgg'}",
        f"--num_samples={num_samples}",
        f"--calibrate_on={work / 'calibration'}",
        f"--measure_on={work / 'measuring'}",
        "--max_leak=0.3",
        "--max_error=0.3",
        f"--output_dir={work / 'directions'}",
    )
    shutil.copy(work / "directions" / NAME, assets / "avatars" / NAME)
    card = (work / "directions" / "README.md").read_text()
    for place in (assets, work):  # Not where they lay.
        card = card.replace(f"{place}/", "")
    files.write_bytes(assets / "avatars" / "directions.md", card.encode())
    bundles.note(assets / "avatars", NAME)


def _invert(
    assets: pathlib.Path, pictures: pathlib.Path, output: pathlib.Path, run: Run
) -> None:
    run(
        "encode_image",
        f"--images={pictures}",
        f"--generator={assets / 'avatars'}",
        f"--lpips={assets / 'avatar_lpips'}",
        "--start=mean",
        f"--iterations={_NUM_STEPS}",
        f"--output_dir={output}",
        "--resume",
    )
