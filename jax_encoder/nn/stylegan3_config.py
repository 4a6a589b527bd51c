"""The architecture of StyleGAN3 (Karras et al. 2021, arXiv:2106.12423, Appendix C).

A handful of numbers decides the sampling rate, the cutoff, the margins and the width of
every layer; this file turns them into one `LayerSpec` per layer.
"""

import dataclasses
import functools

import numpy as np

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, feature_maps
from jax_encoder.ops import filtered_lrelu

_MAX_TAPS = 512


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerSpec:
    """The geometry of one synthesis layer.

    Attributes:
      name: the official name, `L{index}_{size}_{channels}`.
      in_channels, out_channels: widths.
      kernel_size: side of the convolution kernel.
      in_size, out_size: sides of the maps, margins included.
      in_sampling_rate, out_sampling_rate, tmp_sampling_rate: samples per picture side;
        `tmp` at the nonlinearity.
      in_cutoff, out_cutoff: frequency that the maps are limited to.
      in_half_width, out_half_width: half of the filters' transition band.
      up_taps, down_taps: lengths of the filters; 1 for none.
      is_radial: the downsampling filter is two-dimensional.
      is_torgb: the last layer: no demodulation, no activation.
      resampling: constants of the filtered leaky ReLU.
    """

    name: str
    in_channels: int
    out_channels: int
    kernel_size: int
    in_size: int
    out_size: int
    in_sampling_rate: float
    out_sampling_rate: float
    tmp_sampling_rate: float
    in_cutoff: float
    out_cutoff: float
    in_half_width: float
    out_half_width: float
    up_taps: int
    down_taps: int
    is_radial: bool
    is_torgb: bool
    resampling: filtered_lrelu.Resampling


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyleGAN3Config:
    """The architecture of a StyleGAN3 generator; defaults are configuration T.

    Attributes:
      resolution: side of the images, a power of two.
      z_dim, w_dim: widths of z and w.
      c_dim: width of the labels; zero for an unconditional generator.
      num_mapping_layers: dense layers of the mapping network.
      lr_multiplier: of the mapping network.
      channel_base: widths are at most `channel_base / (2 cutoff)`.
      channel_max: and at most this.
      num_layers: synthesis layers, without the Fourier input and ToRGB.
      num_critical: critically sampled layers at the end.
      first_cutoff, first_stopband: frequencies of the first layer.
      last_stopband_rel: stopband of the last layer relative to its cutoff.
      margin_size: pixels around the picture that are computed and cropped.
      output_scale: factor of the images.
      conv_kernel: side of the kernels: 3 (T) or 1 (R).
      filter_size: taps of a filter per sample of the lower rate.
      lrelu_upsampling: oversampling of the nonlinearity.
      use_radial_filters: radially symmetric downsampling filters (R).
      conv_clamp: bound on the activations, or None.
      image_channels: channels of the images.
      w_avg_source: where the mean latent comes from: "file", "estimated", "training".
      family: "stylegan3".
    """

    resolution: int
    z_dim: int = 512
    w_dim: int = 512
    c_dim: int = 0
    num_mapping_layers: int = 2
    lr_multiplier: float = 0.01
    channel_base: int = 32768
    channel_max: int = 512
    num_layers: int = 14
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2**2.1
    last_stopband_rel: float = 2**0.3
    margin_size: int = 10
    output_scale: float = 0.25
    conv_kernel: int = 3
    filter_size: int = 6
    lrelu_upsampling: int = 2
    use_radial_filters: bool = False
    conv_clamp: float | None = 256.0
    image_channels: int = 3
    w_avg_source: str = "file"
    family: str = "stylegan3"

    def __post_init__(self):
        checks.validate(self)
        if self.resolution < 8 or self.resolution & (self.resolution - 1):
            raise InputError(
                f"`resolution` must be a power of two from 8 on: {self.resolution}."
            )
        if not 0 < self.num_critical < self.num_layers:
            raise InputError(
                "`num_critical` must be positive and less than `num_layers`: got"
                f" {self.num_critical=}, {self.num_layers=}."
            )
        if self.first_cutoff >= self.resolution / 2:
            raise InputError(
                f"`first_cutoff` must be below resolution / 2: {self.first_cutoff=},"
                f" {self.resolution=}."
            )
        widest = max(max(spec.up_taps, spec.down_taps) for spec in self.layers)
        if widest > _MAX_TAPS or not np.all(self._bands.channels > 0):
            raise InputError(
                f"the filters must have at most {_MAX_TAPS} taps and every layer a"
                f" channel: these frequencies ask for {widest} taps and for"
                f" {self._bands.channels.min()} channels."
            )

    @property
    def num_ws(self) -> int:
        """How many rows of w the synthesis network takes: input, layers, ToRGB."""
        return self.num_layers + 2

    @property
    def render_resolutions(self) -> tuple[int, ...]:
        """The sides at which pictures can be rendered: the full one only."""
        return (self.resolution,)

    @property
    def noise_shapes(self) -> tuple[tuple[int, int], ...]:
        """Empty: the family has no noise maps."""
        return ()

    @functools.cached_property
    def _bands(self) -> "_Bands":
        return _bands(self)

    @property
    def input_size(self) -> int:
        """Side of the Fourier input, margins included."""
        return int(self._bands.sizes[0])

    @property
    def input_sampling_rate(self) -> float:
        """Samples per picture side of the Fourier input."""
        return float(self._bands.sampling_rates[0])

    @property
    def input_channels(self) -> int:
        """Number of Fourier features."""
        return int(self._bands.channels[0])

    @functools.cached_property
    def layers(self) -> tuple[LayerSpec, ...]:
        """The layers in order; the last one is ToRGB."""
        return tuple(_layer(self, index) for index in range(self.num_layers + 1))

    @functools.cached_property
    def feature_layers(self) -> tuple[feature_maps.FeatureLayer, ...]:
        """The maps that can be changed, coarse to fine.

        They are the last ones of every sampling rate, below that of the picture.
        """
        found: dict[int, feature_maps.FeatureLayer] = {}
        for index, spec in enumerate(self.layers[: -1 - self.num_critical]):
            side, size = int(spec.out_sampling_rate), spec.out_size
            if side < self.resolution:
                found[side] = feature_maps.FeatureLayer(
                    side=side,
                    shape=(size, size, spec.out_channels),
                    num_rows=2 + index,
                    stage=spec.name,
                )
        return tuple(found.values())


def config_r(resolution: int, **options) -> StyleGAN3Config:
    """Configuration R, rotation equivariant: 1x1 kernels, radial filters, wide.

    Args:
      resolution: side of the images.
      **options: further fields; `channel_base` and `channel_max` as stored in the file.
    """
    wide = {"channel_base": 65536, "channel_max": 1024}
    kind = {"conv_kernel": 1, "use_radial_filters": True}
    return StyleGAN3Config(resolution=resolution, **{**wide, **kind, **options})


@dataclasses.dataclass(frozen=True)
class _Bands:
    """One entry per layer: frequencies, sides and widths of its output."""

    cutoffs: np.ndarray
    half_widths: np.ndarray
    sampling_rates: np.ndarray
    sizes: np.ndarray
    channels: np.ndarray


def _bands(config: StyleGAN3Config) -> _Bands:
    """Geometric progressions of cutoff and stopband (Appendix C.2, Figure 4)."""
    steps = np.arange(config.num_layers + 1)
    steps = np.minimum(steps / (config.num_layers - config.num_critical), 1)
    last_cutoff = config.resolution / 2
    last_stopband = last_cutoff * config.last_stopband_rel
    cutoffs = config.first_cutoff * (last_cutoff / config.first_cutoff) ** steps
    ratio = last_stopband / config.first_stopband
    stopbands = config.first_stopband * ratio**steps
    rates = np.minimum(stopbands * 2, config.resolution)
    rates = np.exp2(np.ceil(np.log2(rates)))
    sizes = rates + 2 * config.margin_size
    sizes[-2:] = config.resolution
    channels = np.rint(
        np.minimum(config.channel_base / 2 / cutoffs, config.channel_max)
    )
    channels[-1] = config.image_channels
    return _Bands(
        cutoffs=cutoffs,
        half_widths=np.maximum(stopbands, rates / 2) - cutoffs,
        sampling_rates=rates,
        sizes=sizes.astype(int),
        channels=channels.astype(int),
    )


def _layer(config: StyleGAN3Config, index: int) -> LayerSpec:
    bands = config._bands
    before = max(index - 1, 0)
    is_torgb = index == config.num_layers
    is_critical = index >= config.num_layers - config.num_critical
    rate_in, rate_out = bands.sampling_rates[before], bands.sampling_rates[index]
    rate = max(rate_in, rate_out) * (1 if is_torgb else config.lrelu_upsampling)
    up, down = round(rate / rate_in), round(rate / rate_out)
    up_taps = 1 if is_torgb or up == 1 else config.filter_size * up
    down_taps = 1 if is_torgb or down == 1 else config.filter_size * down
    in_size, out_size = int(bands.sizes[before]), int(bands.sizes[index])
    kernel_size = 1 if is_torgb else config.conv_kernel
    wide = (in_size + kernel_size - 1) * up
    padding = (out_size - 1) * down + 1 - wide + up_taps + down_taps - 2
    low = (padding + up) // 2
    resampling = filtered_lrelu.Resampling(
        up=up, down=down, padding=(low, padding - low), clamp=config.conv_clamp
    )
    if is_torgb:
        resampling = dataclasses.replace(resampling, gain=1.0, slope=1.0)
    return LayerSpec(
        name=f"L{index}_{out_size}_{bands.channels[index]}",
        in_channels=int(bands.channels[before]),
        out_channels=int(bands.channels[index]),
        kernel_size=kernel_size,
        in_size=in_size,
        out_size=out_size,
        in_sampling_rate=float(rate_in),
        out_sampling_rate=float(rate_out),
        tmp_sampling_rate=float(rate),
        in_cutoff=float(bands.cutoffs[before]),
        out_cutoff=float(bands.cutoffs[index]),
        in_half_width=float(bands.half_widths[before]),
        out_half_width=float(bands.half_widths[index]),
        up_taps=up_taps,
        down_taps=down_taps,
        is_radial=config.use_radial_filters and not is_critical and down_taps > 1,
        is_torgb=is_torgb,
        resampling=resampling,
    )
