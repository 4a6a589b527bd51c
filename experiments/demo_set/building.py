"""The stages in which the demo set is built, and the flags that they take."""

import pathlib
import subprocess
import sys
import time
from collections.abc import Callable

from absl import flags

from experiments.demo_set import (
    demo_assets,
    demo_card,
    demo_directions,
    encoder_card,
)
from experiments.launch import command_line, flag_types
from jax_encoder.avatars import regression

_RESOLUTION = flag_types.define_integer("resolution", 64, "Side, a power of two.", 16)
_FEATURE_STEPS = flag_types.define_integer("feature_steps", 3000, "Feature network.", 2)
_FEATURE_PAIRS = flag_types.define_integer(
    "feature_pairs", 4096, "Pairs to calibrate its distance on; a multiple of 64.", 64
)
_GENERATOR = flags.DEFINE_string(
    "generator", None, "Grow this generator instead, with --mapping_steps=0."
)
_BATCH_SIZE = flag_types.define_integer(
    "batch_size", 16, "Of regression and adversarial steps.", 2
)
_MAPPING_STEPS = flag_types.define_integer(
    "mapping_steps", 45_000, "Mapping network.", 0
)
_BOOTSTRAP_STEPS = flag_types.define_integer("bootstrap_steps", 6000, "Regression.", 1)
_BOOTSTRAP_RATE = flag_types.define_number(
    "bootstrap_learning_rate",
    regression.RegressionConfig.learning_rate,
    "In the regression.",
)
_GAN_STEPS = flag_types.define_integer(
    "gan_steps", 2500, "Adversarial steps after it.", 0
)
_HEAD_START = flag_types.define_integer(
    "head_start", 200, "Of these, steps of the discriminator alone.", 0
)
_RATE = flag_types.define_number(
    "generator_learning_rate", 0.001, "In the adversarial steps."
)
_LESSON_WEIGHT = flag_types.define_number(
    "lesson_weight", 10.0, "In them, of imitating the renderer.", 0.0
)
_MIXING = flag_types.define_number(
    "mixing_probability", 0.25, "In them, of two parents.", 0.0, 1.0
)
_LESSON_STEPS = flag_types.define_integer(
    "encoder_lesson_steps", 1800, "Of the encoder, by known codes.", 1
)
_ENCODER_STEPS = flag_types.define_integer(
    "encoder_steps", 400, "Of the encoder, by pictures.", 0
)
_DIRECTION_SAMPLES = flag_types.define_integer(
    "direction_samples", 10_000, "Codes to fit directions to; 0 for no directions.", 0
)
_DIRECTION_PEOPLE = flag_types.define_integer(
    "direction_people", 50, "Renderings to calibrate and to measure them on.", 2
)
_EVERY = flag_types.define_integer(
    "checkpoint_every", 500, "Steps between checkpoints.", 1
)
_NUM_SAMPLES = flag_types.define_integer("num_samples", 1_000_000, "For statistics.", 2)
_NUM_FID = flag_types.define_integer("num_fid", 2000, "Pictures for FID and PPL.", 0)
# Flags that decide what comes out.
_DECISIVE = (
    _RESOLUTION,
    _GENERATOR,
    _BATCH_SIZE,
    _FEATURE_STEPS,
    _FEATURE_PAIRS,
    _MAPPING_STEPS,
    _BOOTSTRAP_STEPS,
    _BOOTSTRAP_RATE,
    _GAN_STEPS,
    _HEAD_START,
    _RATE,
    _LESSON_WEIGHT,
    _MIXING,
    _LESSON_STEPS,
    _ENCODER_STEPS,
    _DIRECTION_SAMPLES,
    _DIRECTION_PEOPLE,
    _NUM_SAMPLES,
)


def build(assets: pathlib.Path, work: pathlib.Path) -> None:
    """Runs the stages whose result is missing.

    Args:
      assets: the demo set.
      work: the directory of checkpoints and sheets.

    Raises:
      Failure: a stage failed.
    """
    avatars = assets / "avatars"
    samples = f"--num_samples={_NUM_SAMPLES.value}"
    for name in ("avatar_vgg", "avatar_lpips"):
        _stage(
            name, assets / name, lambda name=name: _make_features(name, assets, work)
        )
    _stage("generator", avatars, lambda: _make_generator(assets, work))
    _stage(
        "statistics",
        avatars / "statistics.npz",
        lambda: _run("latent_statistics", f"--generator={avatars}", samples),
    )
    _stage(
        "seed pool",
        demo_assets.pool_path(assets),
        lambda: demo_assets.write_pool(assets),
    )
    _stage(
        "encoder",
        assets / encoder_card.NAME,
        lambda: _make_encoder(assets, work),
    )
    if _DIRECTION_SAMPLES.value:
        made = avatars / demo_directions.NAME
        _stage("directions", made, lambda: _make_directions(assets, work))
    _show(assets, work)


def _show(assets: pathlib.Path, work: pathlib.Path) -> None:
    """The last stages: what people look at and read."""
    avatars, card = assets / "avatars", assets / "avatars" / "README.md"
    _stage("examples", assets / "examples", lambda: demo_assets.write_examples(assets))
    _stage(
        "sheets",
        work / "interpolations.png",
        lambda: demo_assets.write_sheets(avatars, work),
    )
    _stage(
        "card",
        card,
        lambda: demo_card.write(assets, work, _command(), num=_NUM_FID.value),
    )
    _stage(
        "card of the encoder",
        assets / encoder_card.NAME / "README.md",
        lambda: encoder_card.write(assets, num=min(_NUM_FID.value, 200)),
    )


def _stage(name: str, result: pathlib.Path, make: Callable[[], None]) -> None:
    """Makes what is missing, and says how long it took."""
    if result.exists():
        print(f"{name}: there already", flush=True)
        return
    start = time.monotonic()
    make()
    print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)


def _make_features(name: str, assets: pathlib.Path, work: pathlib.Path) -> None:
    made = work / "features"
    num = _FEATURE_STEPS.value
    if not (made / name).exists():
        _run(
            "train_attributes",
            f"--output_dir={made}",
            f"--resolution={_RESOLUTION.value}",
            f"--num_steps={num}",
            f"--num_warmup={min(100, num // 2)}",
            f"--num_pairs={_FEATURE_PAIRS.value}",
        )
    demo_assets.copy(made / name, assets / name)


def _make_generator(assets: pathlib.Path, work: pathlib.Path) -> None:
    changes = [f"--batch_size={_BATCH_SIZE.value}"]
    if _GENERATOR.value:
        changes.append(f"--generator={_GENERATOR.value}")
    if _GAN_STEPS.value:
        options = (_HEAD_START, _RATE, _LESSON_WEIGHT, _MIXING)
        changes += [f"--{flag.name}={flag.value}" for flag in options]
    _run(
        "train_gan",
        f"--output_dir={work / 'generator'}",
        "--preset=avatars",
        f"--resolution={_RESOLUTION.value}",
        f"--mapping_steps={_MAPPING_STEPS.value}",
        f"--bootstrap_steps={_BOOTSTRAP_STEPS.value}",
        f"--bootstrap_learning_rate={_BOOTSTRAP_RATE.value}",
        f"--num_steps={_GAN_STEPS.value}",
        f"--checkpoint_every={_EVERY.value}",
        f"--num_fid={_NUM_FID.value}",
        f"--vgg={assets / 'avatar_vgg'}",
        f"--lpips={assets / 'avatar_lpips'}",
        *changes,
    )
    demo_assets.shrink(work / "generator" / "generator", assets / "avatars")


def _make_encoder(assets: pathlib.Path, work: pathlib.Path) -> None:
    output = work / "encoder"
    _run(
        "train_encoder",
        f"--output_dir={output}",
        f"--generator={assets / 'avatars'}",
        "--data=named",
        "--sample_share=0.25",
        f"--lesson_steps={_LESSON_STEPS.value}",
        f"--num_steps={_ENCODER_STEPS.value}",
        f"--checkpoint_every={_EVERY.value}",
        f"--lpips={assets / 'avatar_lpips'}",
        f"--identity={assets / 'avatar_vgg'}",
    )
    demo_assets.shrink(output / "encoder", assets / encoder_card.NAME)


def _make_directions(assets: pathlib.Path, work: pathlib.Path) -> None:
    demo_directions.make(
        assets,
        work,
        _run,
        num_samples=_DIRECTION_SAMPLES.value,
        num_people=_DIRECTION_PEOPLE.value,
        resolution=_RESOLUTION.value,
    )


def _command() -> str:
    """This run, without the places of this machine."""
    chosen = [f for f in _DECISIVE if f.value != f.default]
    options = "".join(
        f" --{f.name}={pathlib.Path(str(f.value)).name if f is _GENERATOR else f.value}"
        for f in chosen
    )
    return (
        "python -m experiments.build_demo --work_dir=runs/demo"
        f" --assets=runs/demo/assets{options}"
    )


def _run(name: str, *arguments: str) -> None:
    """Runs another binary; it resumes by itself."""
    command = [sys.executable, "-m", f"experiments.{name}", *arguments]
    if subprocess.run(command).returncode:
        raise command_line.Failure(f"The stage {name} failed; run it again to go on.")
