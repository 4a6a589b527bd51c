"""The published ways to invert a picture, one row each.

Every row names its source; the constants are that source's unless the comment says
otherwise. `get` finds a row by name; a user's own is a `Preset` like them, and
`register` gives it a name.
"""

import dataclasses
import math
from collections.abc import Collection
from typing import Any

from jax_encoder.errors import InputError
from jax_encoder.inversion import optimizers, schedules, terms
from jax_encoder.inversion import pivotal as pivotal_lib
from jax_encoder.inversion.config import ProjectorConfig, Stage
from jax_encoder.nn import base, checks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """A way to invert pictures.

    Attributes:
      name: as `get` and the command line know it.
      config: what the projector does.
      source: where the constants come from.
      start: "mean", "zeros", "random", "seeds" or "encoder"; in Z, which has no mean,
        "seeds" stands for the first two.
      prefers_encoder: start from the network "encoder" where there is one.
      weight_grid: the weights to try, term by term; empty for none.
      num_trial_steps: how long each of them is tried.
      pivotal: tune the generator around the codes afterwards, or None.
      coarse: stages for generators with output skips and `COARSE_FROM` pixels or more.
    """

    name: str
    config: ProjectorConfig
    source: str = ""
    start: str = "mean"
    prefers_encoder: bool = False
    weight_grid: tuple[tuple[float, ...], ...] = ()
    num_trial_steps: int = 0
    pivotal: pivotal_lib.PivotalConfig | None = None
    coarse: tuple[Stage, ...] = ()

    def __post_init__(self):
        grid = tuple(tuple(row) for row in self.weight_grid)
        object.__setattr__(self, "weight_grid", grid)
        object.__setattr__(self, "coarse", tuple(self.coarse))
        if grid and (len(grid) != len(self.config.terms) or self.num_trial_steps < 1):
            raise InputError(
                "`weight_grid` needs weights for each of the"
                f" {len(self.config.terms)} terms and positive `num_trial_steps`: got"
                f" {grid} and {self.num_trial_steps}."
            )

    @property
    def network_names(self) -> frozenset[str]:
        """The networks that it needs."""
        names = set(self.config.network_names)
        if self.pivotal is not None:
            names.add(self.pivotal.network)
        if self.start == "encoder":
            names.add("encoder")
        return frozenset(names)

    def changed(self, **changes: Any) -> "Preset":
        """Returns the preset with some of its values replaced.

        Args:
          **changes: fields of the configuration, where None changes nothing;
            `learning_rate` is the schedule's or the length of a line search's first
            trial, `vgg_layer` that of the terms that compare one layer, and
            `tuning_steps` those of pivotal tuning. `num_steps` are all of an inversion,
            those that try weights included.

        Raises:
          ValueError: this preset has no place for a change, or a value makes no sense.
        """
        fields = {k: v for k, v in changes.items() if v is not None}
        pivotal = self.pivotal
        if "tuning_steps" in fields:
            if pivotal is None:
                raise InputError(
                    f"The preset {self.name} tunes no generator: drop `tuning_steps`,"
                    " or take the preset pti."
                )
            num_steps = fields.pop("tuning_steps")
            pivotal = dataclasses.replace(pivotal, num_steps=num_steps)
        if "learning_rate" in fields:
            fields = _at_rate(self, fields.pop("learning_rate"), fields)
        if "vgg_layer" in fields:
            fields["terms"] = _at_layer(self, fields.pop("vgg_layer"))
        if "num_steps" in fields and self.weight_grid:
            fields["num_steps"] = self._without_trials(fields["num_steps"])
        known = {field.name for field in dataclasses.fields(ProjectorConfig)}
        if fields.keys() - known:
            raise InputError(
                f"An inversion has no {sorted(fields.keys() - known)}; it has"
                f" {sorted(known)}, learning_rate, vgg_layer and tuning_steps."
            )
        config = dataclasses.replace(self.config, **fields)
        # What was asked for goes before what would be chosen.
        coarse = () if "stages" in fields else self.coarse
        return dataclasses.replace(self, config=config, pivotal=pivotal, coarse=coarse)

    def _without_trials(self, num_steps: int) -> int:
        """How many of so many steps are left after those that try weights."""
        num_trials = self.num_trial_steps * math.prod(map(len, self.weight_grid))
        if num_steps <= num_trials:
            raise InputError(
                f"`num_steps` {num_steps}: the weight grid of {self.name} alone takes"
                f" {num_trials}; give more."
            )
        return num_steps - num_trials

    def fitted(
        self,
        generator_config: base.GeneratorConfig,
        networks: Collection[str] = (),
    ) -> "Preset":
        """Returns the preset as it serves a generator.

        Args:
          generator_config: the generator's.
          networks: the names of those that are there.

        Raises:
          ValueError: the generator cannot be rendered at the resolutions asked for.
        """
        known = generator_config.render_resolutions
        config, start = self.config, self.start
        is_searchable = not config.latent_space.is_before_mapping
        if self.prefers_encoder and "encoder" in networks and is_searchable:
            start = "encoder"
        is_large = generator_config.resolution >= COARSE_FROM
        if self.coarse and len(known) > 1 and is_large:
            config = dataclasses.replace(config, stages=self.coarse)
        _check_stages(generator_config, config)
        if config.latent_space.is_before_mapping and start in ("mean", "zeros"):
            start = "seeds"
        return dataclasses.replace(self, config=config, start=start, coarse=())


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

_SECOND_ORDER = ProjectorConfig(
    space="w+",
    num_steps=300,
    optimizer="lbfgs",
    optimizer_options=(("memory", 20),),
    terms=(terms.Pixel(weight=10.0), terms.Perceptual()),
)

PRESETS = (
    # Measured best at equal steps on the demo generator: docs/performance.md.
    Preset(
        name="default",
        source="measured: docs/performance.md, `python -m experiments.race`",
        config=_SECOND_ORDER,
        prefers_encoder=True,
        # Measured with Adam only, on a generator with random weights: the same LPIPS in
        # less than half the time (tests/inversion/coarse_to_fine_test.py).
        coarse=(
            Stage(share=0.4, resolution=64),
            Stage(share=0.3, resolution=128),
            Stage(share=0.2, resolution=256),
        ),
    ),
    # The nearest to the picture, whatever its code.
    Preset(
        name="faithful",
        source="measured: docs/performance.md, `python -m experiments.race`",
        config=dataclasses.replace(_SECOND_ORDER, optimizer_options=(("memory", 100),)),
    ),
    # A little less near, with a code that stays among those of the generator.
    Preset(
        name="editable",
        source="measured: docs/performance.md, `python -m experiments.race`",
        config=dataclasses.replace(_SECOND_ORDER, space="w_n+"),
    ),
    # W+ at first, then what no code says in an offset of a feature map: for details.
    Preset(
        name="feature",
        source="as FS of Barbershop, arXiv:2106.01505",
        config=dataclasses.replace(_SECOND_ORDER, space="f"),
        coarse=(
            Stage(share=0.2, resolution=64),
            Stage(share=0.15, resolution=128),
            Stage(share=0.1, resolution=256),
        ),
    ),
    # The encoder's codes, as they are.
    Preset(
        name="encoder",
        source="learnt starts: jax_encoder/assets/avatars_encoder/README.md",
        start="encoder",
        config=ProjectorConfig(space="w+", num_steps=0, terms=(terms.Pixel(),)),
    ),
    # 30 evaluations from there; the card of the demo's encoder has what they gain.
    Preset(
        name="fast",
        source="measured: jax_encoder/assets/avatars_encoder/README.md",
        start="encoder",
        config=dataclasses.replace(_SECOND_ORDER, num_steps=30),
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


_OWN: dict[str, Preset] = {}


def register(preset: Preset) -> Preset:
    """Makes a preset known by its name, to `get` and to the command line.

    Raises:
      ValueError: the name is another preset's.
    """
    taken = {row.name: row for row in PRESETS} | _OWN
    if taken.get(preset.name, preset) != preset:
        raise InputError(f"There is another preset {preset.name!r}; choose a name.")
    _OWN[preset.name] = preset
    return preset


def get(name: str) -> Preset:
    """Finds a preset.

    Raises:
      ValueError: there is none of this name; lists them.
    """
    found = _OWN | {preset.name: preset for preset in PRESETS}
    if name not in found:
        raise InputError(
            f"There is no preset {name!r}; there are {', '.join(names())}."
        )
    return found[name]


def resolve(preset: Preset | str) -> Preset:
    """Returns the preset itself, or the one of this name.

    Raises:
      InputError: it is neither; or there is none of this name; lists them.
    """
    if isinstance(preset, Preset):
        return preset
    if not isinstance(preset, str):
        raise InputError(
            "`preset` must be a `Preset` or the name of one"
            f" ({', '.join(names())}), got {checks.describe(preset)}."
        )
    return get(preset)


def names() -> tuple[str, ...]:
    """Returns the names of all presets."""
    return tuple(dict.fromkeys([*(preset.name for preset in PRESETS), *_OWN]))


def _at_rate(preset: Preset, rate: float, fields: dict[str, Any]) -> dict[str, Any]:
    """Adds to changed fields what sets the learning rate."""
    checks.check_positive(rate, "learning_rate")
    config = preset.config
    if optimizers.searches_lines(fields.get("optimizer", config.optimizer)):
        options = fields.get("optimizer_options", config.optimizer_options)
        return {**fields, "optimizer_options": {**dict(options), "first_step": rate}}
    schedule: Any = config.schedule
    if not hasattr(schedule, "learning_rate"):
        raise InputError(
            f"The schedule of the preset {preset.name} has no `learning_rate` to"
            " change; give another `schedule`."
        )
    return {**fields, "schedule": dataclasses.replace(schedule, learning_rate=rate)}


def _at_layer(preset: Preset, layer: int | str) -> tuple[terms.Term, ...]:
    found: Any = preset.config.terms
    if not any(hasattr(term, "layer") for term in found):
        raise InputError("This preset compares no single layer: drop `vgg_layer`.")
    return tuple(
        dataclasses.replace(term, layer=layer) if hasattr(term, "layer") else term
        for term in found
    )


def _check_stages(
    generator_config: base.GeneratorConfig, config: ProjectorConfig
) -> None:
    """Refuses stages at which the generator cannot be rendered."""
    if not config.stages:
        return
    known = generator_config.render_resolutions
    if len(known) == 1:
        kind = type(generator_config).__module__.rpartition(".")[2]
        raise InputError(
            "`stages`: only StyleGAN2 with output skips renders coarsely, and this is"
            f" a {kind} of another kind; drop it."
        )
    unknown = {stage.resolution for stage in config.stages} - set(known)
    if unknown:
        raise InputError(
            f"`stages`: the generator has the resolutions {known}, not"
            f" {sorted(unknown)}."
        )
