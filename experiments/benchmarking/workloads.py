"""What is timed: programs with their arguments, and how much work they are."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmarking import flops, networks
from experiments.benchmarking.cases import Case
from jax_encoder.errors import InputError
from jax_encoder.inversion import memory, projector, rendering, schedules, terms
from jax_encoder.inversion.config import ProjectorConfig
from jax_encoder.inversion.state import Models
from jax_encoder.latents import statistics
from jax_encoder.nn import base, frozen, stylegan3, stylegan3_config
from jax_encoder.ops import formulations, resize
from jax_encoder.training import (
    encoder_presets,
    encoder_sources,
    encoder_training,
    gan,
)

LPIPS_SIZE = 256
_SMALL_ENCODER = 128


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """A program that a step runs, or that a share of the steps runs.

    Attributes:
      fn: a function of pytrees of arrays.
      args: its arguments.
      name: tells it from the other parts of a step.
      share: of the steps that run it.
      num_steps: steps that one call makes.
      flops: of one step, or None where a rate would say nothing.
    """

    fn: Callable[..., object]
    args: tuple[object, ...]
    name: str = ""
    share: float = 1.0
    num_steps: int = 1
    flops: float | None = None


def build(case: Case, *, num_steps: int = 5) -> list[Part]:
    """Returns the programs of a case.

    Args:
      case: what to time.
      num_steps: steps per call of an inversion; what a call prepares is shared.
    """
    return _BUILDERS[case.workload](case, num_steps)


def _mapping(case: Case, _) -> list[Part]:
    generator = networks.generator(case.family, case.resolution, case.size)
    z = _normal((case.batch, generator.config.z_dim))
    return [_forward(lambda g, z: g.mapping(z), generator, z)]


def _synthesis(case: Case, _) -> list[Part]:
    generator = networks.generator(case.family, case.resolution, case.size)
    ws = networks.latents(generator, case.batch)
    return [_forward(_renderer(case), generator, ws)]


def _gradient(case: Case, _) -> list[Part]:
    render = _renderer(case)

    def slope(generator, ws):
        return jax.grad(lambda ws: jnp.sum(jnp.square(render(generator, ws))))(ws)

    generator = networks.generator(case.family, case.resolution, case.size)
    ws = networks.latents(generator, case.batch)
    work = 2 * flops.count(render, generator, ws)
    return [Part(fn=slope, args=(generator, ws), flops=work)]


def _inversion(case: Case, num_steps: int) -> list[Part]:
    parts, rest = [], 1.0
    for share, side in case.stages:
        parts.append(_inversion_part(case, num_steps, share, side))
        rest -= share
    if rest > 1e-9:
        parts.append(_inversion_part(case, num_steps, rest, case.resolution))
    return parts


def _inversion_part(case: Case, num_steps: int, share: float, side: int) -> Part:
    """The NVIDIA projector: w and noise maps, LPIPS at 256 pixels, Adam."""
    generator = networks.generator(case.family, case.resolution, case.size)
    distance = networks.distance(case.size)
    models = Models(
        generator=generator,
        networks={"lpips": distance},
        statistics=statistics.estimate(generator, num_samples=256),
    )
    config = _nvidia_projector(models, case)
    targets = jnp.tanh(_normal((case.batch, side, side, 3)))
    problem = projector.prepare(models, targets, config)
    row = models.statistics.w_avg[None]
    values = jnp.broadcast_to(row, (case.batch, row.shape[1]))
    state = projector.init(models, values, jax.random.key(0), config)

    def advance(models, problem, state):
        return projector.advance(
            models,
            problem,
            state,
            jnp.asarray(num_steps),
            config=config,
            resolution=side,
            chunk=num_steps,
        )

    def forward(generator, distance, ws):
        images = rendering.render(generator, ws, resolution=side, dtype=case.dtype)
        return distance.features(resize.at_most(images, LPIPS_SIZE))

    ws = networks.latents(generator, case.batch)
    return Part(
        fn=advance,
        args=(models, problem, state),
        name=f"at {side} pixels",
        share=share,
        num_steps=num_steps,
        flops=2 * flops.count(forward, generator, distance, ws),
    )


def _nvidia_projector(models: Models, case: Case) -> ProjectorConfig:
    is_noisy = bool(models.generator.config.noise_shapes)
    config = ProjectorConfig(
        space="w",
        num_steps=1000,
        terms=(terms.Perceptual(size=LPIPS_SIZE),),
        exploration=schedules.Exploration(factor=0.05, ramp=0.75),
        noise="optimize" if is_noisy else "const",
        dtype=case.dtype,
    )
    size = memory.choose_micro_batch(models, config, case.batch)
    return dataclasses.replace(config, micro_batch=size)


def _vgg(case: Case, _) -> list[Part]:
    distance = networks.distance(case.size)
    side = case.resolution
    images = jnp.tanh(_normal((case.batch, side, side, 3)))
    return [_forward(lambda d, x: d.features(x), distance, images)]


def _vgg_gradient(case: Case, _) -> list[Part]:
    """Runs to the last rectified map (relu5_3) and back to the picture."""
    network = networks.vgg16(case.size)
    last = [name for name in network.config.layer_names if name.startswith("relu")][-1]
    side = case.resolution
    images = jnp.tanh(_normal((case.batch, side, side, 3)))

    def objective(images, network):
        return jnp.sum(jnp.square(network.features(images, (last,))[last]))

    def slope(network, images):
        return jax.grad(objective)(images, network)

    work = 2 * flops.count(objective, images, network)
    # An inversion prepares its networks once, not in every step.
    return [Part(fn=slope, args=(frozen.prepare(network), images), flops=work)]


def layer_spec(
    config: stylegan3_config.StyleGAN3Config, index: int | None
) -> stylegan3_config.LayerSpec:
    """Returns a layer of a StyleGAN3; None: with most samples at its nonlinearity."""
    if index is not None:
        if not 0 <= index < config.num_layers:
            raise InputError(f"There are {config.num_layers} layers, no {index}.")
        return config.layers[index]
    return max(
        (spec for spec in config.layers if not spec.is_torgb),
        key=lambda s: (
            (s.in_size * s.tmp_sampling_rate / s.in_sampling_rate) ** 2 * s.out_channels
        ),
    )


def _filtered_lrelu(case: Case, _) -> list[Part]:
    apply, args = _activation(case)
    return [Part(fn=apply, args=args)]


def _filtered_lrelu_gradient(case: Case, _) -> list[Part]:
    apply, args = _activation(case)

    def both(x, *filters):
        y, pull = jax.vjp(lambda x: apply(x, *filters), x)
        return pull(y)

    return [Part(fn=both, args=args)]


def _activation(case: Case):
    """A layer's filtered leaky ReLU, and its arguments."""
    generator = networks.generator(case.family, case.resolution, case.size)
    spec = layer_spec(generator.config, case.layer)
    side = spec.in_size + spec.kernel_size - 1
    shape = (case.batch, side, side, spec.out_channels)

    def apply(x, up_filter, down_filter):
        return formulations.filtered_lrelu2d(x, up_filter, down_filter, spec.resampling)

    filters = (stylegan3.up_filter(spec), stylegan3.down_filter(spec))
    return apply, (_normal(shape).astype(case.dtype), *map(jnp.asarray, filters))


def _training(case: Case, _) -> list[Part]:
    """The phases of StyleGAN2's training, each as often as it runs."""
    generator = networks.generator(case.family, case.resolution, case.size)
    discriminator = networks.discriminator(case.resolution, case.size)
    shrink = 2 - case.batch % 2
    config = gan.GANConfig(
        batch_size=case.batch, path_batch_shrink=shrink, dtype=case.dtype
    )
    state, rest = gan.init(generator, discriminator, config)
    side = case.resolution
    images = jnp.tanh(_normal((case.batch, side, side, 3)))
    key = jax.random.key(0)
    ws = networks.latents(generator, case.batch)
    g = flops.count(lambda g, ws: g.synthesis(ws), generator, ws)
    d = flops.count(lambda d, x: d(x), discriminator, images)
    # A gradient of the weights is three forward passes' work, one that only passes
    # through is two; the regularizers differentiate a gradient.
    rows = [
        (gan.generator_phase, (), 1.0, 3 * g + 2 * d),
        (gan.discriminator_phase, (images,), 1.0, g + 6 * d),
        (gan.path_phase, (), 1 / config.path_interval, 6 * g / shrink),
        (gan.r1_phase, (images,), 1 / config.r1_interval, 6 * d),
    ]
    return [
        Part(
            fn=_phase(phase, config),
            args=(state, rest, *data, key),
            name=phase.__name__,
            share=share,
            flops=work,
        )
        for phase, data, share, work in rows
    ]


def _encoder(case: Case, _) -> list[Part]:
    """One pass of e4e, or of the demo's small encoder up to 128 pixels."""
    generator = networks.generator(case.family, case.resolution, case.size)
    network = encoder_presets.build(_preset(case, generator).encoder)
    side = case.resolution
    pictures = jnp.tanh(_normal((case.batch, side, side, 3)))
    return [_forward(lambda e, x: e(x), network, pictures)]


def _preset(case: Case, generator: base.Generator) -> encoder_presets.EncoderPreset:
    is_small = case.size == "small" or case.resolution <= _SMALL_ENCODER
    return encoder_presets.preset("avatars" if is_small else "e4e", generator)


def _encoder_training(case: Case, _) -> list[Part]:
    """The phases of an encoder's training: drawing samples, and the step."""
    generator = networks.generator(case.family, case.resolution, case.size)
    preset = _preset(case, generator)
    # The distance counts; a face recognizer would be but one more network.
    weights = dataclasses.replace(preset.training.weights, identity=0.0)
    config = dataclasses.replace(
        preset.training, batch_size=case.batch, weights=weights, dtype=case.dtype
    )
    state, rest = encoder_training.init(
        encoder_presets.build(preset.encoder),
        generator,
        config,
        networks={"lpips": networks.distance(case.size)},
        metric=jnp.eye(generator.config.w_dim) if weights.code else None,
    )
    key = jax.random.key(0)
    draw = encoder_sources.sampled(generator, key)
    batch = draw(0, case.batch)

    def step(state, rest, batch):
        return encoder_training.train_step(state, rest, batch, key, config=config)

    return [
        Part(fn=lambda: draw(0, case.batch), args=(), name="samples"),
        Part(fn=step, args=(state, rest, batch), name="train_step"),
    ]


def _phase(phase, config):
    return lambda *args: phase(*args, config=config)


def _renderer(case: Case):
    def render(generator, ws):
        return rendering.render(generator, ws, dtype=case.dtype)

    return render


def _forward(fn, *args) -> Part:
    return Part(fn=fn, args=args, flops=flops.count(fn, *args))


def _normal(shape: tuple[int, ...]) -> jax.Array:
    values = np.random.default_rng(0).standard_normal(shape, np.float32)
    return jnp.asarray(values)


_BUILDERS: dict[str, Callable[[Case, int], list[Part]]] = {
    "mapping": _mapping,
    "synthesis": _synthesis,
    "gradient": _gradient,
    "inversion": _inversion,
    "vgg": _vgg,
    "vgg_gradient": _vgg_gradient,
    "filtered_lrelu": _filtered_lrelu,
    "filtered_lrelu_gradient": _filtered_lrelu_gradient,
    "training": _training,
    "encoder": _encoder,
    "encoder_training": _encoder_training,
}
