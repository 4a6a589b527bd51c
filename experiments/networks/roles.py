"""What a network must be able to do for the flag that names it."""

import dataclasses
from collections.abc import Callable

from experiments.launch import command_line
from jax_encoder.nn import inception, lpips


@dataclasses.dataclass(frozen=True)
class Role:
    """What a flag expects.

    Attributes:
      title: what the network must be, for a message.
      fits: whether a network is that.
      remedy: what to give instead.
    """

    title: str
    fits: Callable[[object], bool]
    remedy: str


def _has(*names: str) -> Callable[[object], bool]:
    return lambda network: all(hasattr(network, name) for name in names)


def _predicts_codes(network: object) -> bool:
    inner = getattr(network, "encoder", network)
    config = getattr(inner, "config", None)
    has_rows = hasattr(config, "num_ws") and hasattr(config, "w_dim")
    return has_rows and callable(inner) and not hasattr(inner, "synthesis")


_DISTANCE = (
    "join a trunk with its heads: `python -m experiments.convert --source=vgg16"
    " --heads=lpips-vgg-heads --output_dir=lpips_vgg` (files will do), or give"
    " lpips-vgg, a name of the zoo"
)

ROLES = {
    "generator": Role(
        "a generator",
        _has("synthesis", "mapping"),
        "give a StyleGAN generator, or a file that holds one",
    ),
    "lpips": Role("a distance of pictures", _has("features", "distance"), _DISTANCE),
    "vgg": Role(
        "a network with named features",
        lambda network: (
            hasattr(network, "feature") and not isinstance(network, inception.Inception)
        ),
        "give a VGG: vgg16 or vgg-face of the zoo",
    ),
    "identity": Role(
        "a network that embeds faces",
        _has("embed"),
        "give ArcFace, VGG-Face or VGGFace2 (arcface-irse50, vgg-face,"
        " vggface2-resnet50 of the zoo)",
    ),
    "inception": Role(
        "FID's Inception",
        lambda network: isinstance(network, inception.Inception),
        "give inception-fid of the zoo",
    ),
    "encoder": Role(
        "a network that predicts codes",
        _predicts_codes,
        "give an encoder or a regressor from pictures to codes",
    ),
}
"""By the name of the flag, or of what it is for."""


def check(network: object, role: str, source: str) -> object:
    """The network, if it can play the role.

    Args:
      network: any module.
      role: a key of `ROLES`; other names are not checked.
      source: the file or bundle, for the message.

    Raises:
      Failure: it cannot; says what it is and what to give.
    """
    wanted = ROLES.get(role)
    if wanted is None or wanted.fits(network):
        return network
    kind = type(network).__name__
    what = (
        "the heads of LPIPS alone" if isinstance(network, lpips.Heads) else f"a {kind}"
    )
    raise command_line.Failure(
        f"{source}: {what}, but --{role} must be {wanted.title}; {wanted.remedy}."
    )
