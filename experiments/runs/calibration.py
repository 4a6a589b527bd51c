"""Published constants on the scale of the network at hand, or refused.

Learning rates of plain gradient descent and perceptual thresholds belong to the network
that they were chosen for. A network that the person names is taken for the published
one. The demo set's own networks have other scales, so with them

- pivotal tuning stops at `STOP_SHARE` of the median distance between two pictures of
  the generator, which stands for the published 0.06;
- presets of plain gradient descent are refused unless a rate is given.
"""

import dataclasses

import jax

from experiments.runs import jobs, verdicts
from jax_encoder.errors import InputError
from jax_encoder.inversion import pivotal, presets
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.nn import base

STOP_SHARE = 0.1


def typical_distance(
    generator: base.Generator,
    lpips: base.PerceptualDistance,
    label: jax.Array | None = None,
) -> float:
    """The median perceptual distance between two pictures of the generator.

    Args:
      generator: draws them.
      lpips: measures, `(images, images) -> [N]`.
      label: `[1, c_dim]`; conditional generators only.

    Returns:
      The median over 16 pairs.
    """
    drawn = verdicts.own_pictures(generator, verdicts.NUM_PICTURES, label)
    return verdicts.chance(drawn, lpips)["lpips"]


def stop(
    config: pivotal.PivotalConfig,
    generator: base.Generator,
    lpips: base.PerceptualDistance,
    *,
    is_published: bool,
    label: jax.Array | None = None,
) -> pivotal.PivotalConfig:
    """Pivotal tuning with its threshold on the scale of the network at hand.

    Args:
      config: with the published threshold.
      generator: to be tuned.
      lpips: measures.
      is_published: the network was named by the person.
      label: `[1, c_dim]`; conditional generators only.

    Returns:
      The configuration, unchanged for a published network.
    """
    if is_published:
        return config
    threshold = STOP_SHARE * typical_distance(generator, lpips, label)
    return dataclasses.replace(config, stop_below=round(threshold, 6))


def fit(
    job: jobs.InversionJob,
    preset: presets.Preset,
    generator: base.Generator,
    networks: base.Networks,
    label: jax.Array | None,
) -> presets.Preset:
    """A preset with its threshold on the scale of the network at hand.

    Args:
      job: which networks the person gave.
      preset: any.
      generator: of the run.
      networks: of the run, by name.
      label: `[1, c_dim]`; conditional generators only.

    Returns:
      The preset, unchanged where it tunes nothing or the network is a published one.
    """
    if preset.pivotal is None:
        return preset
    name = preset.pivotal.network
    fitted = stop(
        preset.pivotal,
        generator,
        networks[name],
        is_published=bool(job.networks.get(name)),
        label=label,
    )
    return dataclasses.replace(preset, pivotal=fitted)


def check_rate(job: jobs.InversionJob, config: ProjectorConfig) -> None:
    """Refuses a published rate of gradient descent with the demo set's networks.

    Args:
      job: which networks and overrides the person gave.
      config: the preset's.

    Raises:
      ValueError: the rate belongs to another network.
    """
    if config.optimizer != "sgd" or job.overrides.get("learning_rate") is not None:
        return
    strange = [x for x in config.network_names if not job.networks.get(x)]
    if strange:
        raise InputError(
            f"--preset={job.preset}: its learning rate is that of plain gradient"
            f" descent on a published network; the demo set's {strange[0]!r} has"
            f" another scale. Name a converted network with --{strange[0]}, or give"
            " a rate of your own with --learning_rate."
        )
