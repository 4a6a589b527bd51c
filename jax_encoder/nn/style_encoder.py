"""Encoders from pictures to W and W+: pSp, e4e, ReStyle's variants, the W encoder.

Richardson et al. 2021 (pSp, arXiv:2008.00951), Tov et al. 2021 (e4e,
arXiv:2102.02766), Alaluf et al. 2021 (ReStyle, arXiv:2104.02699). They share a
backbone and one small convolutional head per row of W+; what differs is which feature
map a head reads, and whether heads give rows or differences to the first row.
"""

import dataclasses
from typing import Protocol

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.errors import InputError
from jax_encoder.nn import checks, irse, resnet, vision_layers
from jax_encoder.ops import image_checks as images_lib
from jax_encoder.ops import resize

# Rows below the first read the coarse map, below the second the middle one.
COARSE, MIDDLE = 3, 7


@dataclasses.dataclass(frozen=True, kw_only=True)
class StyleEncoderConfig:
    """The architecture of an encoder.

    Attributes:
      num_ws, w_dim: rows and numbers of W+.
      backbone: "irse50" or "resnet34".
      is_pyramid: heads read a feature pyramid of three maps, coarse to fine; otherwise
        all read the coarsest map (ReStyle).
      is_progressive: the first head gives one w for all rows, the others differences
        to it (e4e); otherwise every head gives its row (pSp).
      is_shared: one dense layer behind the mean of the last map gives one w for all
        rows (the W encoder of e4e and HyperStyle); there are no heads.
      in_channels: 3; 6 for a picture and its present reconstruction (ReStyle); other
        numbers for sketches (1) and segmentations (a channel per class).
      input_size: height and width that pictures are resized to.
      widths, depths: of the backbone's stages.
      family: "style-encoder".
    """

    num_ws: int = 18
    w_dim: int = 512
    backbone: str = "irse50"
    is_pyramid: bool = True
    is_progressive: bool = False
    is_shared: bool = False
    in_channels: int = 3
    input_size: tuple[int, int] = (256, 256)
    widths: tuple[int, ...] = (64, 128, 256, 512)
    depths: tuple[int, ...] = (3, 4, 14, 3)
    family: str = "style-encoder"

    def __post_init__(self):
        checks.validate(self)
        if self.backbone not in ("irse50", "resnet34"):
            raise InputError(
                f'`backbone` must be "irse50" or "resnet34": got {self.backbone!r}.'
            )
        if self.is_shared and (self.is_pyramid or self.is_progressive):
            raise InputError("A shared w has neither a pyramid nor progressive heads.")
        if len(self.widths) != len(self.depths) or len(self.widths) < 3:
            raise InputError(
                "`widths` and `depths` must name three stages or more, one entry each:"
                f" {self.widths}, {self.depths}."
            )

    @property
    def is_refining(self) -> bool:
        """Whether the encoder sees the present reconstruction too (ReStyle)."""
        return self.in_channels == 6

    @property
    def picture_channels(self) -> int:
        """Channels of the pictures that are encoded."""
        return 3 if self.is_refining else self.in_channels

    def level(self, row: int) -> int:
        """Which map the head of a row reads: 0 the coarsest, then 1, then 2."""
        if not self.is_pyramid or row < COARSE:
            return 0
        return 1 if row < MIDDLE else 2

    def num_convs(self, row: int) -> int:
        """How many halvings bring a row's map to a single cell."""
        side = max(self.input_size) // 2 ** len(self.widths)
        return (side.bit_length() - 1) + self.level(row)


class StyleHead(nnx.Module):
    """Strided convolutions down to one cell, then a dense layer (pSp, "map2style").

    Attributes:
      conv0, conv1, ...: 3x3 of stride two, each with leaky ReLU of slope 0.01.
      linear: equalized dense layer without activation.
    """

    def __init__(self, num_in: int, w_dim: int, num_convs: int, *, rngs: nnx.Rngs):
        self.num_convs = num_convs
        for index in range(num_convs):
            conv = vision_layers.Conv(
                num_in if index == 0 else w_dim,
                w_dim,
                3,
                stride=2,
                padding=1,
                rngs=rngs,
            )
            setattr(self, f"conv{index}", conv)
        self.linear = vision_layers.Linear(w_dim, w_dim, gain=w_dim**-0.5, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """`[N, H, W, C] -> [N, w_dim]`."""
        for index in range(self.num_convs):
            x = jax.nn.leaky_relu(getattr(self, f"conv{index}")(x), 0.01)
        return self.linear(x.reshape(x.shape[0], -1))


class StyleEncoder(nnx.Module):
    """The encoder, without the mean latent that pipelines add to its output.

    Attributes:
      config: the architecture.
      backbone: an `irse.Body` or a `resnet.ResNet`.
      latlayer1, latlayer2: 1x1 convolutions of the pyramid, where there is one.
      styles_0, styles_1, ...: one head per row; or `linear`, which all rows share.
    """

    config_class = StyleEncoderConfig

    def __init__(self, config: StyleEncoderConfig, *, rngs: nnx.Rngs):
        self.config = config
        self.backbone = _make_backbone(config, rngs)
        width = config.widths[-1]
        if config.is_pyramid:
            conv = vision_layers.Conv
            self.latlayer1 = conv(config.widths[-2], width, 1, rngs=rngs)
            self.latlayer2 = conv(config.widths[-3], width, 1, rngs=rngs)
        if config.is_shared:
            self.linear = vision_layers.Linear(
                width, config.w_dim, gain=width**-0.5, rngs=rngs
            )
        for row in () if config.is_shared else range(config.num_ws):
            head = StyleHead(width, config.w_dim, config.num_convs(row), rngs=rngs)
            setattr(self, f"styles_{row}", head)

    def __call__(
        self,
        images: jax.Array,
        reconstructions: jax.Array | None = None,
        *,
        stage: int | None = None,
    ) -> jax.Array:
        """Encodes pictures.

        Args:
          images: `[N, H, W, C]` in [-1, 1], C as of `config.picture_channels`; resized
            to the network's size.
          reconstructions: likewise, what the present latents render; encoders of six
            channels only.
          stage: progressive encoders: how many differences are in use; default: all.

        Returns:
          ws `[N, num_ws, w_dim]`, relative to the mean latent.

        Raises:
          ValueError: the pictures break the convention, or reconstructions are missing
            or not wanted, or `stage` is given to an encoder without stages.
        """
        if (reconstructions is None) == self.config.is_refining:
            raise InputError(
                f"This encoder takes {self.config.in_channels} channels:"
                " `reconstructions` are for ReStyle's encoders, which need them."
            )
        if stage is not None and not self.config.is_progressive:
            raise InputError("This encoder has no progressive stages.")
        x = self._resized(check_pictures(images, self.config))
        if reconstructions is not None:
            if reconstructions.shape[0] != images.shape[0]:
                raise InputError(
                    "One reconstruction per picture: got"
                    f" {reconstructions.shape=} and {images.shape=}."
                )
            shown = images_lib.to_rgb(reconstructions)
            x = jnp.concatenate([x, self._resized(shown)], axis=-1)
        return self._rows(self._maps(x), stage)

    def _resized(self, images: jax.Array) -> jax.Array:
        return resize.bilinear(images, self.config.input_size, antialias=True)

    def _maps(self, x: jax.Array) -> list[jax.Array]:
        """The maps that heads read, coarse to fine."""
        if isinstance(self.backbone, resnet.ResNet):
            found = dict(self.backbone.stages(x))
            ends = [found[f"layer{k + 1}"] for k in range(len(self.config.widths))]
        else:
            ends = self.backbone.stage_ends(x)
        if not self.config.is_pyramid:
            return ends[-1:]
        fine, middle, coarse = ends[-3:]
        second = _upsample_add(coarse, self.latlayer1(middle))
        return [coarse, second, _upsample_add(second, self.latlayer2(fine))]

    def _rows(self, maps: list[jax.Array], stage: int | None) -> jax.Array:
        config, rows = self.config, []
        if config.is_shared:
            w = self.linear(jnp.mean(maps[0], axis=(1, 2)))
            return jnp.broadcast_to(w[:, None], (len(w), config.num_ws, config.w_dim))
        last = config.num_ws - 1 if stage is None else stage
        for row in range(config.num_ws):
            if config.is_progressive and row > last:
                rows.append(rows[0])
                continue
            style = getattr(self, f"styles_{row}")(maps[config.level(row)])
            rows.append(rows[0] + style if config.is_progressive and row else style)
        return jnp.stack(rows, axis=1)


class WithPictureChannels(Protocol):
    """The configuration of an encoder of color or gray pictures."""

    @property
    def picture_channels(self) -> int:
        """The channels of the pictures that it takes."""
        ...


def check_pictures(images: jax.Array, config: WithPictureChannels) -> jax.Array:
    """The pictures `[N, H, W, C]` with the channels that such an encoder takes.

    Raises:
      ValueError: they break the convention.
    """
    if config.picture_channels == 3:
        return images_lib.check_rgb(images)
    return images_lib.check_images(images, channels=config.picture_channels)


def _upsample_add(coarse: jax.Array, fine: jax.Array) -> jax.Array:
    height, width = fine.shape[1:3]
    return resize.bilinear(coarse, (height, width), align_corners=True) + fine


def _make_backbone(
    config: StyleEncoderConfig, rngs: nnx.Rngs
) -> irse.Body | resnet.ResNet:
    if config.backbone == "irse50":
        body = irse.IRSEConfig(widths=config.widths, depths=config.depths)
        return irse.Body(body, config.in_channels, rngs=rngs)
    trunk = resnet.ResNetConfig(
        depths=config.depths,
        width=config.widths[0],
        is_bottleneck=False,
        stem_pool="none",
        has_prelu=True,
        in_channels=config.in_channels,
        preprocessing="none",
    )
    return resnet.ResNet(trunk, rngs=rngs)
