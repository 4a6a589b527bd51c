"""Builds the demo set of the package from nothing, in stages that resume.

    python -m experiments.build_demo --work_dir=runs/demo --assets=runs/demo/assets

Stages: the feature network and its distance (`experiments.train_attributes`), the
generator (`experiments.train_gan`: mapping, regression, adversarial), the statistics of
its latents (`experiments.latent_statistics`), the example pictures, the cards. What is
there already is not made again; an interrupted stage goes on from its checkpoint. The
generator's stages take about an hour and a half on one free core.
"""

import pathlib
import shutil
import subprocess
import sys

from absl import flags

from experiments import command_line, demo_assets

_WORK = flags.DEFINE_string("work_dir", None, "Checkpoints and sheets.", required=True)
_ASSETS = flags.DEFINE_string("assets", None, "The demo set.", required=True)
_FEATURE_STEPS = flags.DEFINE_integer("feature_steps", 3000, "Feature network.", 2)
_MAPPING_STEPS = flags.DEFINE_integer("mapping_steps", 45_000, "Mapping network.", 1)
_BOOTSTRAP_STEPS = flags.DEFINE_integer("bootstrap_steps", 12_000, "Regression.", 1)
_GAN_STEPS = flags.DEFINE_integer("gan_steps", 0, "Adversarial steps after it.", 0)
_NUM_SAMPLES = flags.DEFINE_integer("num_samples", 1_000_000, "For statistics.", 2)
_NUM_FID = flags.DEFINE_integer("num_fid", 2000, "Pictures for FID and PPL.", 0)


def main(argv):
    """Runs the stages whose result is missing."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    work, assets = pathlib.Path(_WORK.value), pathlib.Path(_ASSETS.value)
    for name in ("avatar_vgg", "avatar_lpips"):
        if not (assets / name).exists():
            features = work / "features"
            steps = f"--num_steps={_FEATURE_STEPS.value}"
            _run("train_attributes", f"--output_dir={features}", steps)
            shutil.copytree(features / name, assets / name)
    avatars = assets / "avatars"
    if not avatars.exists():
        _run(
            "train_gan",
            f"--output_dir={work / 'generator'}",
            "--preset=avatars",
            f"--mapping_steps={_MAPPING_STEPS.value}",
            f"--bootstrap_steps={_BOOTSTRAP_STEPS.value}",
            f"--num_steps={_GAN_STEPS.value}",
            "--num_fid=0",
        )
        demo_assets.shrink(work / "generator" / "generator", avatars)
    if not (avatars / "statistics.npz").exists():
        samples = f"--num_samples={_NUM_SAMPLES.value}"
        _run("latent_statistics", f"--generator={avatars}", samples)
    if not (assets / "examples").exists():
        demo_assets.write_examples(avatars, assets / "examples")
    if not (avatars / "README.md").exists():
        demo_assets.write_card(assets, num=_NUM_FID.value)
    return 0


def _run(name: str, *arguments: str) -> None:
    """Runs another binary; it resumes by itself."""
    command = [sys.executable, "-m", f"experiments.{name}", *arguments]
    if subprocess.run(command).returncode:
        raise command_line.Failure(f"The stage {name} failed; run it again to go on.")


if __name__ == "__main__":
    command_line.run(main)
