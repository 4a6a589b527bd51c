"""The shortest way from pictures to codes."""

import warnings

import jax

from jax_encoder import demo
from jax_encoder.inversion import arguments, first_values, inverter, presets, results
from jax_encoder.nn import base


def invert(
    images: arguments.Pictures,
    generator: base.Generator,
    preset: presets.Preset | str = "default",
    *,
    networks: base.Networks | None = None,
    start: first_values.Start = "",
    labels: jax.Array | None = None,
    key: jax.Array | None = None,
    **changes: object,
) -> results.Inversion:
    """Inverts pictures; an `Inverter` serves better for many calls.

    Args:
      images: `[N, H, W, 3]` in [-1, 1] or uint8, a list of pictures of different sizes
        (arrays, or Pillow's), or a single picture; each is cropped to its centered
        square and resized.
      generator: StyleGAN 1, 2 or 3.
      preset: the method: a name of `presets.names()`, or a `Preset`.
      networks: perceptual networks by name; default: those of the demo set, which know
        drawn faces only.
      start: where to begin; "" for the preset's way.
      labels: `[1, c_dim]` or `[N, c_dim]`; conditional generators only.
      key: PRNG key; default: `jax.random.key(0)`.
      **changes: of the preset (`Preset.changed`): `num_steps`, `learning_rate`...

    Returns:
      Codes, reconstructions and measures.

    Raises:
      InputError: something is of another kind than it must be, or does not fit; says
        what to do.
    """
    arguments.check_generator(generator)
    method = presets.resolve(preset).changed(**changes)
    is_demo = demo.is_own(generator)
    if networks is None:
        if not is_demo:
            warnings.warn(
                "No networks given: those of the demo set judge, which know drawn faces"
                ' only. For photographs give networks={"lpips": ...} of a converted'
                " checkpoint.",
                stacklevel=2,
            )
        names = method.network_names | {"lpips"}
        if is_demo and method.prefers_encoder and not start:
            names |= {"encoder"}
        networks = {name: demo.network(name) for name in sorted(names)}
    statistics = demo.statistics() if is_demo else None
    made = inverter.Inverter(generator, method, networks, statistics=statistics)
    return made.invert(images, start=start, labels=labels, key=key)
