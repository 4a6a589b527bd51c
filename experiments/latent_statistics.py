"""Measures the latents of a generator: their mean, spread and the components of P.

    python -m experiments.latent_statistics --generator=ffhq

writes `statistics.npz` into the bundle, where every other binary finds it. P_N and the
II2S prior need it. A minute for the million samples of a 512-dimensional generator.

    python -m experiments.latent_statistics --generator=ffhq --preset=default

writes what reconstructions by this preset reach on 16 of the generator's own pictures,
by which `encode_image` calls others good, fair or poor.
"""

import pathlib

from absl import flags

from experiments.launch import command_line, flag_types
from experiments.networks import resources
from experiments.runs import encoding, jobs, judging, verdicts
from jax_encoder.errors import InputError
from jax_encoder.io import bundles
from jax_encoder.latents import statistics

_GENERATOR = flags.DEFINE_string(
    "generator", None, "A bundle or a checkpoint; default with --preset: the demo's."
)
_NUM_SAMPLES = flag_types.define_integer(
    "num_samples", 1_000_000, "How many latents to map.", lower_bound=2
)
_SEED = flag_types.define_seed("seed", 123, "The seed of the latents.")
_PRESET = flags.DEFINE_string(
    "preset", None, "Measure reconstructions by this preset instead."
)
_LPIPS = flags.DEFINE_string(
    "lpips", None, "The perceptual network of the preset; default: the demo's."
)
_OUTPUT = flags.DEFINE_string(
    "output", None, "The .npz file to write; default: statistics.npz in the bundle."
)


def main(argv):
    """Measures and writes."""
    if len(argv) > 1 or not (_GENERATOR.value or _PRESET.value):
        raise command_line.UsageError("Give --generator and no other arguments.")
    if _PRESET.value:
        command_line.refuse([_NUM_SAMPLES, _SEED, _OUTPUT], "it is not for --preset")
        return _measure_reconstructions(_PRESET.value)
    source = resources.generator(_GENERATOR.value)
    output = _OUTPUT.value
    if output is None and not bundles.is_bundle(source.path):
        raise command_line.UsageError(
            f"{source.path} is no bundle: say where to write with --output."
        )
    found = statistics.estimate(
        source.network,
        num_samples=_NUM_SAMPLES.value,
        seed=_SEED.value,
        with_p=True,
    )
    path = pathlib.Path(output or source.path / "statistics.npz")
    statistics.save(found, path)
    if output is None:
        bundles.note(source.path, path.name)
    assert found.p is not None
    print(
        f"{path}: {_NUM_SAMPLES.value} samples, w_std {float(found.w_std):.4f},"
        f" deviations of P {float(found.p.std[0]):.3g} to {float(found.p.std[-1]):.3g}"
    )
    return 0


def _measure_reconstructions(preset: str) -> int:
    """Writes the table of one preset into the bundle."""
    job = jobs.InversionJob(
        paths=(),
        output=pathlib.Path(),
        preset=preset,
        generator=_GENERATOR.value,
        networks={"lpips": _LPIPS.value},
    )
    try:
        engine = encoding.make_engine(job)
        table = judging.measure(job, engine, encoding.make_engine)
    except InputError as error:
        raise command_line.UsageError(str(error)) from error
    bundle = pathlib.Path(engine.details["generator"])
    if not bundles.is_bundle(bundle):
        raise command_line.UsageError(f"{bundle} is no bundle to write into.")
    name = judging.name(job, engine)
    verdicts.save(table, name, bundle)
    bundles.note(bundle, name)
    print(f"{bundle}: {preset} measured on {table.num} of its own pictures")
    return 0


if __name__ == "__main__":
    command_line.run(main)
