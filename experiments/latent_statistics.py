"""Measures the latents of a generator: their mean, spread and the components of P.

    python -m experiments.latent_statistics --generator=ffhq

writes `statistics.npz` into the bundle, where every other binary finds it. P_N and the
II2S prior need it. A minute for the million samples of a 512-dimensional generator.
"""

import pathlib

from absl import flags

from experiments.launch import command_line
from experiments.networks import resources
from jax_encoder.io import bundles
from jax_encoder.latents import statistics

_GENERATOR = flags.DEFINE_string("generator", None, "Bundle or checkpoint.")
_NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples", 1_000_000, "Mapped latents.", lower_bound=2
)
_SEED = flags.DEFINE_integer("seed", 123, "Of the latents.")
_OUTPUT = flags.DEFINE_string(
    "output", None, "An .npz file; default: statistics.npz in the bundle."
)


def main(argv):
    """Measures and writes."""
    if len(argv) > 1 or not _GENERATOR.value:
        raise command_line.UsageError("Give --generator and no other arguments.")
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


if __name__ == "__main__":
    command_line.run(main)
