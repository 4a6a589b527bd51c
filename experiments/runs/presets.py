"""The published ways to invert a picture, one row each.

Every row names its source; the constants are that source's unless the comment says
otherwise. `get` finds a row by name.
"""

import dataclasses

from jax_encoder.inversion import pivotal as pivotal_lib
from jax_encoder.inversion import schedules, terms
from jax_encoder.inversion.config import ProjectorConfig, Stage


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """A way to invert pictures.

    Attributes:
      name: on the command line.
      source: where the constants come from.
      config: of the projector.
      start: "mean", "zeros", "random" or "seeds".
      weight_grid: the weights to try, term by term; empty for none.
      num_trial_steps: of the weight grid.
      pivotal: tune the generator around the codes afterwards, or None.
      coarse: stages for generators with output skips and `COARSE_FROM` pixels or more.
    """

    name: str
    source: str
    config: ProjectorConfig
    start: str = "mean"
    weight_grid: tuple[tuple[float, ...], ...] = ()
    num_trial_steps: int = 0
    pivotal: pivotal_lib.PivotalConfig | None = None
    coarse: tuple[Stage, ...] = ()


COARSE_FROM = 1024
"""Pixels from which coarse stages pay; smaller generators were not measured."""

_NVIDIA = ProjectorConfig(
    space="w",
    num_steps=1000,
    terms=(terms.Perceptual(),),
    schedule=schedules.CosineRamps(learning_rate=0.1),
    exploration=schedules.Exploration(factor=0.05, ramp=0.75),
    noise="optimize",
    keep="last",
)

PRESETS = (
    # Measured best at equal steps on the demo generator; BUILD.md has the table.
    Preset(
        name="default",
        source="measured: BUILD.md, `python -m experiments.compare_presets`",
        config=ProjectorConfig(
            space="w+",
            num_steps=300,
            terms=(terms.Pixel(weight=10.0), terms.Perceptual()),
            schedule=schedules.CosineRamps(learning_rate=0.1),
        ),
        # The same LPIPS in less than half the time, of a generator with random weights
        # (tests/inversion/coarse_to_fine_test.py).
        coarse=(
            Stage(share=0.4, resolution=64),
            Stage(share=0.3, resolution=128),
            Stage(share=0.2, resolution=256),
        ),
    ),
    # Returns the last w, as the source does; its best is usually a few steps earlier.
    Preset(
        name="nvidia-projector",
        source="Karras et al. 2020, arXiv:1912.04958, Appendix D; stylegan2-ada-pytorch"
        " projector.py",
        config=_NVIDIA,
    ),
    # The source adds the pixel term with weight 0; give it one with another preset.
    Preset(
        name="rosinality-projector",
        source="rosinality/stylegan2-pytorch projector.py, with --w_plus",
        config=dataclasses.replace(
            _NVIDIA,
            space="w+",
            terms=(terms.Perceptual(), terms.Pixel(weight=0.0, size=256)),
            noise_is_unbiased=True,
        ),
    ),
    # Plain gradient descent on one VGG16 layer, from zeros.
    Preset(
        name="hallberg",
        source="jacobhallberg/pytorch_stylegan_encoder encode_image.py",
        start="zeros",
        config=ProjectorConfig(
            space="w+",
            num_steps=1000,
            optimizer="sgd",
            terms=(terms.Features(layer="relu3_1", half_step=True),),
            schedule=schedules.Constant(learning_rate=1.0),
            keep="last",
        ),
    ),
    # The source starts from a regressor's prediction (--start=FILE); the mean is what
    # remains without one. It takes 5 steps by default, its scripts 1000 to 10,000.
    Preset(
        name="vggface",
        source="ml1652/pytorch_stylegan_encoder encode_image.py",
        config=ProjectorConfig(
            space="w+",
            num_steps=1000,
            optimizer="sgd",
            terms=(
                terms.Features(network="vgg", layer="relu3_1", size=224),
                terms.LatentPrior(weight=0.0, kind="mean_w"),
            ),
            schedule=schedules.Constant(learning_rate=1.0),
        ),
    ),
    Preset(
        name="vggface-identity",
        source="ml1652/pytorch_stylegan_encoder, IdentityLoss on VGGFace2 descriptors",
        start="seeds",
        config=ProjectorConfig(
            space="z_sphere",
            num_steps=1000,
            optimizer="sgd",
            terms=(terms.Identity(network="identity", distance="angle"),),
            schedule=schedules.Constant(learning_rate=1.0),
        ),
    ),
    # No published code holds the grid; the weights are the project's plan for it.
    Preset(
        name="stylegan3-encoding",
        source="seed search, weight grid and exponential decay as in StyleGAN3 encoding"
        " notebooks",
        start="seeds",
        weight_grid=((0.0, 10.0, 30.0), (0.0, 5.0, 10.0)),
        num_trial_steps=50,
        config=ProjectorConfig(
            space="w",
            num_steps=1000,
            terms=(terms.Pixel(weight=10.0), terms.Perceptual(weight=10.0)),
            schedule=schedules.ExponentialDecay(
                learning_rate=0.05, decay=0.9, num_epochs=20
            ),
        ),
    ),
    # The source draws new noise at every step; ours keeps the checkpoint's, and its
    # perceptual pictures are area-averaged where the source's are bicubic.
    Preset(
        name="ii2s",
        source="Zhu et al. 2020, arXiv:2012.09036, Section 4",
        config=ProjectorConfig(
            space="w+",
            num_steps=1300,
            terms=(
                terms.Pixel(),
                terms.Perceptual(),
                terms.LatentPrior(weight=0.001, kind="p_n"),
            ),
            schedule=schedules.Constant(learning_rate=0.01),
        ),
    ),
    # 0.01 is the rate the source ends up with: its schedule overwrites the other one.
    Preset(
        name="pti",
        source="Roich et al. 2021, arXiv:2106.05744; danielroich/PTI",
        config=dataclasses.replace(
            _NVIDIA,
            num_steps=450,
            schedule=schedules.CosineRamps(learning_rate=0.01),
        ),
        pivotal=pivotal_lib.PivotalConfig(),
    ),
)


def get(name: str) -> Preset:
    """Finds a preset.

    Raises:
      ValueError: there is none of this name; lists them.
    """
    for preset in PRESETS:
        if preset.name == name:
            return preset
    raise ValueError(
        f"There is no preset {name!r}; there are"
        f" {', '.join(preset.name for preset in PRESETS)}."
    )
