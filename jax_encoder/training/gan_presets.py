"""Published configurations of StyleGAN2's training, and the demo's.

The constants are those of the official PyTorch code (`train.py` of StyleGAN2-ADA), of
which `stylegan2` is configuration F of the paper; they were tuned for the batch sizes
that stand beside them.
"""

import dataclasses

from jax_encoder.errors import InputError
from jax_encoder.nn import stylegan2, stylegan2_discriminator
from jax_encoder.training import gan


@dataclasses.dataclass(frozen=True, kw_only=True)
class GANPreset:
    """Architectures and options that belong together."""

    generator: stylegan2.StyleGAN2Config
    discriminator: stylegan2_discriminator.StyleGAN2DiscriminatorConfig
    training: gan.GANConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Row:
    batch_size: int
    group_size: int
    feature_maps: float
    learning_rate: float
    r1_gamma: float
    ema_kimg: float
    ema_rampup: float | None
    num_mapping_layers: int


_TABLE = {
    "stylegan2": _Row(
        batch_size=32,
        group_size=4,
        feature_maps=1.0,
        learning_rate=0.002,
        r1_gamma=10.0,
        ema_kimg=10.0,
        ema_rampup=None,
        num_mapping_layers=8,
    ),
    "paper256": _Row(
        batch_size=64,
        group_size=8,
        feature_maps=0.5,
        learning_rate=0.0025,
        r1_gamma=1.0,
        ema_kimg=20.0,
        ema_rampup=None,
        num_mapping_layers=8,
    ),
    "paper512": _Row(
        batch_size=64,
        group_size=8,
        feature_maps=1.0,
        learning_rate=0.0025,
        r1_gamma=0.5,
        ema_kimg=20.0,
        ema_rampup=None,
        num_mapping_layers=8,
    ),
    "paper1024": _Row(
        batch_size=32,
        group_size=4,
        feature_maps=1.0,
        learning_rate=0.002,
        r1_gamma=2.0,
        ema_kimg=10.0,
        ema_rampup=None,
        num_mapping_layers=8,
    ),
    "cifar": _Row(
        batch_size=64,
        group_size=32,
        feature_maps=1.0,
        learning_rate=0.0025,
        r1_gamma=0.01,
        ema_kimg=500.0,
        ema_rampup=0.05,
        num_mapping_layers=2,
    ),
}
NAMES = (*_TABLE, "auto", "avatars")


def preset(name: str, resolution: int, *, num_devices: int = 1) -> GANPreset:
    """Returns a configuration.

    Args:
      name: "stylegan2", "paper256", "paper512", "paper1024", "cifar", "auto" (from the
        resolution and the devices) or "avatars" (the demo generator, for a CPU).
      resolution: side of the pictures, a power of two.
      num_devices: over which a batch is spread; "auto" makes it larger with them.

    Raises:
      ValueError: there is no such preset.
    """
    if name == "avatars":
        return _avatars(resolution)
    if name != "auto" and name not in _TABLE:
        raise InputError(f"There is no preset {name!r}. There are: {NAMES}.")
    row = _auto(resolution, num_devices) if name == "auto" else _TABLE[name]
    base = int(row.feature_maps * 32768)
    sides = [2**k for k in range(2, resolution.bit_length())]
    channels = tuple(min(base // side, 512) for side in sides)
    is_cifar = name == "cifar"
    return GANPreset(
        generator=stylegan2.StyleGAN2Config(
            resolution=resolution,
            channels=channels,
            num_mapping_layers=row.num_mapping_layers,
            architecture="orig" if is_cifar else "skip",
            w_avg_source="training",
        ),
        discriminator=stylegan2_discriminator.StyleGAN2DiscriminatorConfig(
            resolution=resolution,
            channels=channels,
            architecture="orig" if is_cifar else "resnet",
            group_size=row.group_size,
        ),
        training=gan.GANConfig(
            batch_size=row.batch_size,
            learning_rate=row.learning_rate,
            r1_gamma=row.r1_gamma,
            ema_half_life=row.ema_kimg * 1000,
            ema_rampup=row.ema_rampup,
            path_interval=0 if is_cifar else 4,
            mixing_probability=0.0 if is_cifar else 0.9,
            augmentation="ada",
            ada_speed=100_000.0 if is_cifar else 500_000.0,
        ),
    )


def _auto(resolution: int, num_devices: int) -> _Row:
    """The rules of the official configuration "auto"."""
    batch = max(min(num_devices * min(4096 // resolution, 32), 64), num_devices)
    return _Row(
        batch_size=batch,
        group_size=min(batch // num_devices, 4),
        feature_maps=1.0 if resolution >= 512 else 0.5,
        learning_rate=0.002 if resolution >= 1024 else 0.0025,
        r1_gamma=0.0002 * resolution**2 / batch,
        ema_kimg=batch * 10 / 32,
        ema_rampup=0.05,
        num_mapping_layers=2,
    )


def _avatars(resolution: int) -> GANPreset:
    widths = {4: 128, 8: 128, 16: 96, 32: 48, 64: 24, 128: 16}
    sides = [2**k for k in range(2, resolution.bit_length())]
    return GANPreset(
        generator=stylegan2.StyleGAN2Config(
            resolution=resolution,
            z_dim=64,
            w_dim=128,
            channels=tuple(widths.get(side, 8) for side in sides),
            num_mapping_layers=4,
            hidden_dim=256,
            w_avg_source="training",
        ),
        discriminator=stylegan2_discriminator.StyleGAN2DiscriminatorConfig(
            resolution=resolution,
            channels=tuple(min(widths.get(side, 8), 64) for side in sides),
        ),
        training=gan.GANConfig(
            batch_size=16,
            r1_gamma=0.2,
            path_interval=8,
            ema_half_life=5_000.0,
            augmentation="none",
        ),
    )
