"""The small runs that `fuzz.kills` kills, and how it sees that one is in its steps.

A run cannot be asked where it is at the moment of its death, and its own lines of
progress come seldom. So the process that is to be killed writes a letter into a file
whenever one of a few functions of the project returns: `STEP` where a step or chunk of
steps is done, `REST` where the steps have ended. It was killed inside its steps if the
last letter is `STEP`.

    python -m fuzz.kill_scenarios FILE SCENARIO BINARY [ARGUMENTS]

runs a binary so; the stages of `build_demo` are started like this.
"""

import dataclasses
import functools
import importlib
import os
import pathlib
import runpy
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

STEP, REST = b"s", b"r"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenario:
    """A small run.

    Attributes:
      binary: its name.
      arguments: of a run in a folder; "{base}" and "{out}" stand for the folders.
      again: further arguments where it goes on.
      results: patterns, within the output, of the files that are compared.
      marks: the letter that a function, "module:name" or "module:class.name", writes.
      stages: the function that starts another binary by its name and arguments.
      in_a_row: kills of a run at most.
      resumes: whether it goes on where it was killed, rather than from the beginning.
    """

    binary: str
    arguments: tuple[str, ...]
    again: tuple[str, ...] = ()
    results: tuple[str, ...]
    marks: Mapping[str, bytes]
    stages: str = ""
    in_a_row: int = 6
    resumes: bool = True


TINY = ("--generator={base}/generator", "--lpips={base}/lpips")
_GAN = (
    "--resolution=8",
    "--batch_size=4",
    "--num_fid=0",
    "--checkpoint_every=5",
    "--log_every=5",
)
_DEMO = (
    "--resolution=16",
    "--feature_steps=40",
    "--feature_pairs=64",
    "--mapping_steps=4",
    "--bootstrap_steps=40",
    "--gan_steps=40",
    "--head_start=2",
    "--checkpoint_every=4",
    "--encoder_lesson_steps=10",
    "--encoder_steps=10",
    "--direction_samples=0",
    "--num_samples=400",
    "--num_fid=16",
)
_TRAINING = {
    "experiments.training.training_log:TrainingLog.add": STEP,
    "experiments.training.training_log:TrainingLog.close": REST,
}
_MOMENTS = {
    "jax_encoder.latents.statistics:Moments.add": STEP,
    "jax_encoder.latents.statistics:Moments.finish": REST,
}
SCENARIOS = {
    "encode_image": Scenario(
        binary="encode_image",
        arguments=(
            "--images={base}/photos",
            "--output_dir={out}",
            *TINY,
            "--iterations=300",
            "--batch_size=3",
            "--chunk=5",
        ),
        again=("--resume",),
        results=("*.npy", "*.png"),
        marks={
            "experiments.runs.batch_states:BatchState.save": STEP,
            "experiments.runs.projector_engine:ProjectorEngine.finish": REST,
        },
        in_a_row=10,
    ),
    "train_gan": Scenario(
        binary="train_gan",
        arguments=(
            "--data={base}/photos",
            "--output_dir={out}",
            *_GAN,
            "--num_steps=30",
        ),
        results=("generator/config.json",),
        marks=_TRAINING,
        in_a_row=10,
    ),
    "tune_generator": Scenario(
        binary="tune_generator",
        arguments=(
            "--images={base}/photos",
            "--codes={base}/codes",
            "--output_dir={out}",
            *TINY,
            "--num_steps=60",
            "--stop_below=0",
        ),
        results=("*.npz", "*.png"),
        # All pictures but the first, in whose call the program is also made.
        marks={
            "jax_encoder.inversion.tuner:Tuner._tune": STEP,
            "jax_encoder.inversion.tuner:Tuner.__call__": REST,
        },
        resumes=False,
    ),
    "latent_statistics": Scenario(
        binary="latent_statistics",
        arguments=("--generator={out}/generator", "--num_samples=600000"),
        results=("generator/statistics.npz", "generator/config.json"),
        marks=_MOMENTS,
        resumes=False,
    ),
    "build_demo": Scenario(
        binary="build_demo",
        arguments=("--work_dir={out}/work", "--assets={out}/assets", *_DEMO),
        results=("assets/*/config.json",),
        marks=_TRAINING | _MOMENTS,
        stages="experiments.demo_set.building:_run",
        in_a_row=12,
    ),
}


def install(scenario: Scenario, path: pathlib.Path) -> None:
    """Lets this process write its letters.

    Args:
      scenario: the run.
      path: of the file.
    """
    for where, letter in scenario.marks.items():
        _wrap(where, path, letter)


def install_stages(scenario: Scenario, path: pathlib.Path) -> None:
    """Lets the processes write theirs that this one starts."""
    if scenario.stages:
        owner, name = _owner(scenario.stages)
        setattr(owner, name, functools.partial(_start_stage, scenario.binary, path))


def _owner(where: str) -> tuple[Any, str]:
    """The module or class that holds a function, and its name there."""
    module, _, place = where.partition(":")
    *outer, name = place.split(".")
    return functools.reduce(getattr, outer, importlib.import_module(module)), name


def _wrap(where: str, path: pathlib.Path, letter: bytes) -> None:
    owner, name = _owner(where)
    original = getattr(owner, name)

    @functools.wraps(original)
    def marked(*args, **kwargs):
        result = original(*args, **kwargs)
        with open(path, "ab", buffering=0) as file:
            file.write(letter)
        return result

    setattr(owner, name, marked)


def _start_stage(name: str, path: pathlib.Path, binary: str, *arguments: str) -> None:
    """Runs a binary as a process of its own that writes letters, too."""
    command = [sys.executable, "-m", "fuzz.kill_scenarios", os.fspath(path), name]
    subprocess.run([*command, binary, *arguments], check=True)


def main() -> None:
    """Runs a binary that writes letters."""
    path, name, binary, *arguments = sys.argv[1:]
    install(SCENARIOS[name], pathlib.Path(path))
    sys.argv = [f"{binary}.py", *arguments]
    runpy.run_module(f"experiments.{binary}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
