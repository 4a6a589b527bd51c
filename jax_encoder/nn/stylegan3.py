"""The StyleGAN3 generator (Karras et al. 2021, arXiv:2106.12423).

Images are `[N, H, W, 3]`, RGB, nominally in [-1, 1], not clamped.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import feature_maps, layers, mapping, stylegan3_config
from jax_encoder.nn import noise as noise_maps
from jax_encoder.nn import rematerialize as rematerialize
from jax_encoder.nn.variables import Buffer
from jax_encoder.ops import convolution, formulations, lowpass, modulation

StyleGAN3Config = stylegan3_config.StyleGAN3Config
config_r = stylegan3_config.config_r


class StyleGAN3SynthesisInput(nnx.Module):
    """Fourier features that w rotates and translates (Section 3.2, Appendix F).

    Attributes:
      affine: w to (cos, sin, x, y).
      weight: `[C, C]`, mixes the features.
      freqs: `[C, 2]`, cycles per picture side.
      phases: `[C]`, in cycles.
      transform: `[3, 3]`, inverse of the transform of the image.
    """

    def __init__(self, config: StyleGAN3Config, *, rngs: nnx.Rngs):
        channels = config.input_channels
        self.size = config.input_size
        self.sampling_rate = config.input_sampling_rate
        self.bandwidth = config.first_cutoff
        self.affine = layers.FullyConnected(config.w_dim, 4, rngs=rngs)
        self.affine.weight[...] = jnp.zeros((config.w_dim, 4))
        self.affine.bias[...] = jnp.array([1.0, 0.0, 0.0, 0.0])
        self.weight = nnx.Param(rngs.params.normal((channels, channels)))
        freqs = rngs.params.normal((channels, 2))
        squares = jnp.sum(jnp.square(freqs), axis=1, keepdims=True)
        radii = jnp.sqrt(squares) * jnp.exp(squares) ** 0.25
        self.freqs = Buffer(freqs / radii * self.bandwidth)
        self.phases = Buffer(rngs.params.uniform((channels,)) - 0.5)
        self.transform = Buffer(jnp.eye(3))

    def __call__(self, w: jax.Array, transform: jax.Array | None = None) -> jax.Array:
        """Evaluates the features on the sampling grid.

        Args:
          w: `[N, w_dim]`.
          transform: `[3, 3]` or `[N, 3, 3]` instead of the stored one.

        Returns:
          `[N, S, S, C]`, float32.

        Raises:
          ValueError: `transform` has another shape.
        """
        freqs, phases = self._place(w, transform)
        radii = jnp.sqrt(jnp.sum(jnp.square(freqs), axis=2))
        damping = (radii - self.bandwidth) / (self.sampling_rate / 2 - self.bandwidth)
        steps = (np.arange(self.size) + 0.5 - self.size / 2) / self.sampling_rate
        grid = jnp.asarray(steps, jnp.float32)
        across = grid[None, None, :, None] * freqs[:, None, None, :, 0]
        down = grid[None, :, None, None] * freqs[:, None, None, :, 1]
        x = jnp.sin(2 * jnp.pi * (across + down + phases[:, None, None, :]))
        x = x * jnp.clip(1 - damping, 0, 1)[:, None, None, :]
        return x @ (self.weight[...] / self.weight.shape[0] ** 0.5)

    def _place(
        self, w: jax.Array, transform: jax.Array | None
    ) -> tuple[jax.Array, jax.Array]:
        """Returns frequencies `[N, C, 2]` and phases `[N, C]` in the image's frame."""
        matrix = self.transform[...] if transform is None else jnp.asarray(transform)
        if matrix.shape[-2:] != (3, 3) or matrix.ndim not in (2, 3):
            raise InputError(
                f"`transform` must be [3, 3] or [N, 3, 3], got {matrix.shape}."
            )
        matrix = matrix[None] if matrix.ndim == 2 else matrix
        t = self.affine(w)
        t = t / jnp.sqrt(jnp.sum(jnp.square(t[:, :2]), axis=1, keepdims=True))
        cos, sin, x, y = (t[:, k, None, None] for k in range(4))
        # rotation @ translation, the first two rows.
        rows = jnp.concatenate(
            [
                jnp.concatenate([cos, -sin, sin * y - cos * x], axis=2),
                jnp.concatenate([sin, cos, -sin * x - cos * y], axis=2),
            ],
            axis=1,
        )
        precise = jax.lax.Precision.HIGHEST
        rows = jnp.matmul(
            rows, matrix.astype(jnp.float32), precision=precise
        )  # [N, 2, 3]
        freqs = self.freqs[...][None]
        moved = jnp.matmul(
            jnp.broadcast_to(freqs, (rows.shape[0], *freqs.shape[1:])),
            rows,
            precision=precise,
        )
        return moved[:, :, :2], self.phases[...][None] + moved[:, :, 2]


class StyleGAN3SynthesisLayer(nnx.Module):
    """Modulated convolution, then bias and filtered leaky ReLU (Figure 4b).

    Attributes:
      affine: w to styles.
      weight: `[K, K, I, O]`.
      bias: `[O]`.
      magnitude_ema: scalar, expected mean square of the input.
      up_filter, down_filter: `[K]`, or `[K, K]` where radial; where it resamples.
    """

    def __init__(
        self,
        config: StyleGAN3Config,
        spec: stylegan3_config.LayerSpec,
        *,
        rngs: nnx.Rngs,
    ):
        self.spec = spec
        size = spec.kernel_size
        shape = (size, size, spec.in_channels, spec.out_channels)
        self.affine = layers.FullyConnected(
            config.w_dim, spec.in_channels, bias_init=1.0, rngs=rngs
        )
        self.weight = nnx.Param(rngs.params.normal(shape))
        self.bias = nnx.Param(jnp.zeros((spec.out_channels,)))
        self.magnitude_ema = Buffer(jnp.ones(()))
        if spec.up_taps > 1:
            self.up_filter = Buffer(jnp.asarray(up_filter(spec)))
        if spec.down_taps > 1:
            self.down_filter = Buffer(jnp.asarray(down_filter(spec)))

    def __call__(self, x: jax.Array, w: jax.Array) -> jax.Array:
        """Maps `[N, H, W, I]` and w `[N, w_dim]` to `[N, H', W', O]`."""
        spec = self.spec
        x = self._convolve(x, self.affine(w))
        x = x + self.bias[...].astype(x.dtype)[None, None, None]
        return formulations.filtered_lrelu2d(
            x,
            self.up_filter[...] if spec.up_taps > 1 else None,
            self.down_filter[...] if spec.down_taps > 1 else None,
            spec.resampling,
        )

    def _convolve(self, x: jax.Array, styles: jax.Array) -> jax.Array:
        """Convolves with modulated weights (Appendix C.1); padding is K - 1.

        The official code normalizes the styles over the whole batch. Demodulation
        cancels their scale, so normalizing each sample gives the same result and keeps
        the samples apart. ToRGB neither normalizes nor demodulates.
        """
        kernel = self.weight[...]
        factors = None
        if self.spec.is_torgb:
            styles = styles / (kernel.shape[0] ** 2 * kernel.shape[2]) ** 0.5
        else:
            power = jnp.mean(jnp.square(styles), axis=1, keepdims=True)
            styles = styles * jax.lax.rsqrt(power)
            scale = unit_scale(kernel)
            factors = scale * modulation.demodulation(
                kernel * scale[None, None], styles
            )
        styles = styles * jax.lax.rsqrt(self.magnitude_ema[...])
        x = x * styles[:, None, None, :].astype(x.dtype)
        margin = kernel.shape[0] - 1
        y = convolution.conv2d(
            x, kernel.astype(x.dtype), padding=[(margin, margin)] * 2
        )
        if factors is not None:
            y = y * factors[:, None, None, :].astype(y.dtype)
        return y


def up_filter(spec: stylegan3_config.LayerSpec) -> np.ndarray:
    """Designs the upsampling filter of a layer, `[up_taps]` float32."""
    taps = lowpass.design(
        spec.up_taps,
        cutoff=spec.in_cutoff,
        width=2 * spec.in_half_width,
        sampling_rate=spec.tmp_sampling_rate,
    )
    return taps.astype(np.float32)


def down_filter(spec: stylegan3_config.LayerSpec) -> np.ndarray:
    """Designs the downsampling filter of a layer, float32; `[K, K]` where radial."""
    taps = lowpass.design(
        spec.down_taps,
        cutoff=spec.out_cutoff,
        width=2 * spec.out_half_width,
        sampling_rate=spec.tmp_sampling_rate,
        radial=spec.is_radial,
    )
    return taps.astype(np.float32)


def unit_scale(kernel: jax.Array) -> jax.Array:
    """What gives every output channel of `[K, K, I, O]` unit mean square: `[1, O]`.

    The mean is a product with ones: the rounding of a sum over the leading axes would
    depend on the number of a CPU's threads.
    """
    squares = jnp.square(kernel).reshape(-1, kernel.shape[3])
    return jax.lax.rsqrt(jnp.ones((1, len(squares))) @ squares / len(squares))


class StyleGAN3SynthesisNetwork(nnx.Module):
    """`ws -> images`.

    Attributes:
      input: the Fourier features, driven by row 0.
      L0_..., L1_..., ...: the layers of `config.layers`, driven by row 1 + index.
    """

    def __init__(self, config: StyleGAN3Config, *, rngs: nnx.Rngs):
        self.config = config
        self.input = StyleGAN3SynthesisInput(config, rngs=rngs)
        for spec in config.layers:
            setattr(self, spec.name, StyleGAN3SynthesisLayer(config, spec, rngs=rngs))

    def __call__(
        self,
        ws: jax.Array,
        noise: noise_maps.Noise = "const",
        *,
        resolution: int | None = None,
        transform: jax.Array | None = None,
        dtype: jnp.dtype | str = jnp.float32,
        remat_from: int | None = None,
        features: jax.Array | None = None,
    ) -> jax.Array:
        """Renders images.

        Args:
          ws: `[N, num_ws, w_dim]`.
          noise: for the other families' sake; there are no noise maps.
          resolution: None or the full one, likewise.
          transform: `[3, 3]` or `[N, 3, 3]`, the *inverse* of the transform that the
            image shall undergo, in units of its side; None for the stored one.
          dtype: of the layers; latents, styles, the input and RGB stay in float32.
          remat_from: maps of this side and above are not kept for a gradient but
            computed again; None: all are kept.
          features: `[N, H, W, C]` added to the map of this shape, one of
            `config.feature_layers`; None: nothing is.

        Returns:
          images `[N, R, R, 3]`, nominally in [-1, 1], not clamped.

        Raises:
          ValueError: `ws`, `noise`, `resolution`, `transform` or `features` do not fit
            the network.
        """
        noise_maps.check_resolution(resolution, self.config.render_resolutions)
        noise_maps.select(noise, self.config.noise_shapes)
        images = None
        stages = self.stages(
            ws,
            transform=transform,
            dtype=dtype,
            remat_from=remat_from,
            features=features,
        )
        for _, images in stages:  # noqa: B007
            pass
        assert images is not None
        return images.astype(jnp.float32) * self.config.output_scale

    def affine_layers(self, *, with_rgb: bool = False) -> list[layers.FullyConnected]:
        """Returns the layers from w to styles, coarse to fine, without the input's.

        Args:
          with_rgb: also that of the layer that makes RGB.
        """
        specs = [spec for spec in self.config.layers if with_rgb or not spec.is_torgb]
        return [getattr(self, spec.name).affine for spec in specs]

    def stages(
        self,
        ws: jax.Array,
        *,
        transform: jax.Array | None = None,
        dtype: jnp.dtype | str = jnp.float32,
        remat_from: int | None = None,
        features: jax.Array | None = None,
    ) -> Iterator[tuple[str, jax.Array]]:
        """Yields (name, features) of every layer for ws `[N, num_ws, w_dim]`."""
        config = self.config
        if ws.ndim != 3 or ws.shape[1:] != (config.num_ws, config.w_dim):
            raise InputError(
                f"`ws` must be [N, {config.num_ws}, {config.w_dim}], got {ws.shape}."
            )
        changed = feature_maps.changed_layer(config, features, len(ws))
        x = self.input(ws[:, 0], transform).astype(dtype)
        yield "input", x
        for index, spec in enumerate(config.layers):
            layer = getattr(self, spec.name)
            run = rematerialize.from_side(layer, spec.out_size, remat_from)
            x = run(x, ws[:, 1 + index])
            if changed is not None and changed.stage == spec.name:
                x = feature_maps.add(x, features)
            yield spec.name, x


class StyleGAN3Generator(nnx.Module):
    """A StyleGAN3 generator: mapping, synthesis and the mean latent.

    Attributes:
      config: the architecture.
      mapping: `z, labels -> w`.
      synthesis: `ws -> images`.
      w_avg: `[w_dim]`, the mean of w.
    """

    config_class = StyleGAN3Config

    def __init__(self, config: StyleGAN3Config, *, rngs: nnx.Rngs):
        self.config = config
        self.mapping = mapping.StyleGAN2MappingNetwork(
            z_dim=config.z_dim,
            c_dim=config.c_dim,
            w_dim=config.w_dim,
            num_layers=config.num_mapping_layers,
            lr_multiplier=config.lr_multiplier,
            rngs=rngs,
        )
        self.synthesis = StyleGAN3SynthesisNetwork(config, rngs=rngs)
        self.w_avg = Buffer(jnp.zeros((config.w_dim,)))


def moved(generator: StyleGAN3Generator, transform: jax.Array) -> StyleGAN3Generator:
    """Returns a copy of a generator whose pictures are moved.

    Args:
      generator: it stays as it is.
      transform: `[3, 3]`, the *inverse* of what happens to the picture.
    """
    copy = nnx.merge(*nnx.split(generator))
    copy.synthesis.input.transform = Buffer(jnp.asarray(transform, jnp.float32))
    return copy
