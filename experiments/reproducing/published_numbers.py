"""The rows that people publish: command, files, expected number, what is missing."""

import dataclasses
import json
import math
import pathlib
import shlex
import subprocess
import sys
from collections.abc import Mapping

from jax_encoder.training import gan_presets

_FFHQ = "70,000 pictures of 1024 pixels (NVIDIA's FFHQ, CC BY-NC-SA)"
_STYLEGAN1 = "karras2019stylegan-ffhq-1024x1024.pkl (NVIDIA, CC BY-NC)"
_LPIPS = "a bundle of vgg16_zhang_perceptual.pkl's or lpips-vgg's weights"
_INCEPTION = "a bundle of inception-fid of the zoo"


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """A published number.

    Attributes:
      name: of the row.
      source: who publishes it.
      expected: the number.
      tolerance: how far ours may be, relative to it.
      command: what measures it; `{data}` is where the files lie, `{output}` a folder.
      needs: what must lie in `{data}`, by name, in words.
      measure: where `evaluation.json` has the number, keys with points between them.
      note: what else to know.
    """

    name: str
    source: str
    expected: float
    tolerance: float
    command: str = ""
    needs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    measure: str = ""
    note: str = ""

    def missing(self, data: pathlib.Path) -> list[str]:
        """What is not there, in words."""
        return [
            f"{data / name}: {what}"
            for name, what in self.needs.items()
            if not (data / name).exists()
        ]


def _evaluate(flags: str) -> str:
    start = "python -m experiments.evaluate --generator={data}/stylegan1-ffhq.pkl"
    return f"{start} {flags} --output_dir={{output}}"


def _path_length(space: str, sampling: str, expected: float) -> PublishedRow:
    """A perceptual path length as NVIDIA's README has it (crop, 50,000 samples)."""
    return PublishedRow(
        name=f"ppl_{space}{sampling} of StyleGAN1 FFHQ",
        source="NVIDIA's README of StyleGAN; RECIPES 8.2",
        expected=expected,
        tolerance=0.02,
        command=_evaluate(
            f"--lpips={{data}}/lpips_vgg --num_paths=50000 --path_space={space}"
            f" --path_sampling={sampling} --path_crop"
        ),
        needs={"stylegan1-ffhq.pkl": _STYLEGAN1, "lpips_vgg": _LPIPS},
        measure="path_length.mean",
        note="55 minutes on a GPU of 2019",
    )


PUBLISHED = (
    PublishedRow(
        name="fid50k of StyleGAN1 FFHQ",
        source="NVIDIA's README of StyleGAN; RECIPES 8.1",
        expected=4.4159,
        tolerance=0.03,
        command=_evaluate(
            "--references={data}/ffhq --inception={data}/inception"
            " --num_samples=50000 --lpips="
        ),
        needs={
            "stylegan1-ffhq.pkl": _STYLEGAN1,
            "ffhq": _FFHQ,
            "inception": _INCEPTION,
        },
        measure="sets.fid",
        note="16 minutes on a GPU of 2019",
    ),
    _path_length("z", "full", 664.8854),
    _path_length("w", "full", 233.3059),
    _path_length("z", "end", 666.1057),
    _path_length("w", "end", 197.2266),
)

# Configurations of training, RECIPES 8.3: batch, minibatch deviation, rate, R1, half
# life of the average in thousands of pictures, layers of the mapping.
_CONFIGURATIONS = {
    ("stylegan2", 1024, 8): (32, 4, 0.002, 10.0, 10.0, 8),
    ("paper256", 256, 8): (64, 8, 0.0025, 1.0, 20.0, 8),
    ("paper512", 512, 8): (64, 8, 0.0025, 0.5, 20.0, 8),
    ("paper1024", 1024, 8): (32, 4, 0.002, 2.0, 10.0, 8),
    ("cifar", 32, 8): (64, 32, 0.0025, 0.01, 500.0, 2),
}
_FIELDS = ("batch", "minibatch deviation", "rate", "R1", "average", "mapping layers")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What became of a row.

    Attributes:
      name: of the row.
      source: who publishes it.
      expected: in words.
      found: the number, or None.
      verdict: "within", "outside", or "missing".
      sentence: what is missing, or how the number stands.
      command: what measures it.
    """

    name: str
    source: str
    expected: str
    found: float | None
    verdict: str
    sentence: str
    command: str


def check(row: PublishedRow, data: pathlib.Path, output: pathlib.Path) -> Result:
    """Runs a row whose files are there; says of others what is missing.

    Args:
      row: the row.
      data: where the files lie.
      output: where its evaluation is written.
    """
    places = {"data": str(data), "output": str(output / row.name.replace(" ", "_"))}
    command = row.command.format(**places)
    expected = f"{row.expected:g} within {row.tolerance:.0%}"
    if missing := row.missing(data):
        text = f"missing: {'; '.join(missing)}"
        return _result(row, expected, None, "missing", text, command)
    arguments = shlex.split(command)
    run = subprocess.run([sys.executable, *arguments[1:]], capture_output=True)
    if run.returncode:
        lines = run.stderr.decode(errors="replace").strip().splitlines() or ["?"]
        text = f"the command failed: {lines[-1]}"
        return _result(row, expected, None, "outside", text, command)
    content = json.loads(
        (pathlib.Path(places["output"]) / "evaluation.json").read_text()
    )
    for key in row.measure.split("."):
        content = content[key]
    found = float(content)
    is_within = abs(found - row.expected) <= row.tolerance * row.expected
    verdict = "within" if is_within else "outside"
    text = f"{found:.4f}, {found / row.expected - 1:+.1%}"
    return _result(row, expected, found, verdict, text, command)


def _result(row: PublishedRow, expected, found, verdict, sentence, command) -> Result:
    return Result(
        name=row.name,
        source=row.source,
        expected=expected,
        found=found,
        verdict=verdict,
        sentence=sentence,
        command=command,
    )


def configurations() -> list[Result]:
    """Compares the presets of training with the published tables; needs no file."""
    results = []
    for (name, side, devices), expected in _CONFIGURATIONS.items():
        found = gan_presets.preset(name, side, num_devices=devices)
        training = found.training
        ours = (
            training.batch_size,
            found.discriminator.group_size,
            training.learning_rate,
            training.r1_gamma,
            training.ema_half_life / 1000,
            found.generator.num_mapping_layers,
        )
        wrong = [
            f"{field} {x} instead of {y}"
            for field, x, y in zip(_FIELDS, ours, expected, strict=True)
            if x is None or not math.isclose(x, y, rel_tol=1e-9)
        ]
        results.append(
            Result(
                name=f"training configuration {name}",
                source="stylegan2-ada-pytorch train.py; RECIPES 8.3",
                expected=", ".join(
                    f"{field} {x:g}" for field, x in zip(_FIELDS, expected, strict=True)
                ),
                found=float(len(_FIELDS) - len(wrong)),
                verdict="outside" if wrong else "within",
                sentence="; ".join(wrong) or f"all {len(_FIELDS)} numbers are equal",
                command=f"python -m experiments.train_gan --preset={name}",
            )
        )
    return results
