"""The networks of a race, by flags: the generator's, and those that judge."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
from absl import flags
from flax import nnx

import converters
from experiments.editing import direction_lists
from experiments.launch import command_line
from experiments.networks import resources
from experiments.racing import contest, contestants, race_judges, race_report
from experiments.racing.race_targets import Targets
from experiments.runs import calibration
from jax_encoder.editing.directions import DirectionError
from jax_encoder.errors import InputError
from jax_encoder.inversion import presets
from jax_encoder.inversion.state import Models
from jax_encoder.latents import statistics
from jax_encoder.nn import base, stylegan1, stylegan2, stylegan3, stylegan3_config

_GENERATOR = flags.DEFINE_string(
    "generator", None, "A bundle or a checkpoint file; default: the demo's."
)
_RANDOM = flags.DEFINE_string(
    "random_generator",
    None,
    "Instead, random weights: FAMILY:SIDE[:CHANNELS], such as stylegan2:256.",
)
_NETWORKS = {
    name: flags.DEFINE_string(name, None, f"Bundle, file or zoo name: {what}.")
    for name, what in {
        "lpips": "of the objective",
        "vgg": "of presets that ask for it",
        "identity": "judges who is in a picture",
        "encoder": "of learnt starts",
    }.items()
}
_JUDGES = flags.DEFINE_list(
    "judges", [], "More distances that judge: TRUNK.npz:HEADS.pth, LPIPS of a trunk."
)
_DIRECTIONS = flags.DEFINE_list(
    "directions", ["smile", "age", "yaw"], "Edits of the bundle that are compared."
)
_WIDTH = 16384
_COLUMNS = ("psnr", "ssim", "lpips", "p_n_squared")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """The judges, and what of it goes into the table.

    Attributes:
      judges: who measures.
      columns: the measures in the table.
    """

    judges: race_judges.Judges
    columns: tuple[str, ...]

    def judge(
        self, attempt: contest.Attempt, targets: Targets
    ) -> race_report.RaceEntry:
        """Measures an attempt and edits its codes."""
        measures = self.judges.measure(attempt, targets)
        edited = self.judges.edit(attempt, targets)
        examples = edited.pop("edit_examples", None)
        return race_report.RaceEntry(
            attempt=attempt, measures={**measures, **edited}, examples=examples
        )


def is_demo() -> bool:
    """Whether the generator is the demo's."""
    return _GENERATOR.value is None and _RANDOM.value is None


def load(
    racing: Sequence[contestants.Contestant],
) -> tuple[list[contestants.Contestant], Models, Panel]:
    """Loads the generator, what the contestants need, and the judges.

    Args:
      racing: of `contestants.find`.

    Returns:
      The contestants, calibrated to the networks, the networks, and the judges.

    Raises:
      UsageError: flags that make no sense together.
      Failure: a network cannot be read.
    """
    if _GENERATOR.value and _RANDOM.value:
        raise command_line.UsageError("Give --generator or --random_generator.")
    own = [x for x in racing if isinstance(x, presets.Preset)]
    names = {"lpips", *(name for preset in own for name in preset.network_names)}
    with_identity = is_demo() or _NETWORKS["identity"].value is not None
    paths = {name: flag.value for name, flag in _NETWORKS.items()}
    networks = resources.networks(sorted(names), paths, is_demo=is_demo())
    source, found = _generator()
    directions, reader = [], None
    if is_demo():
        reader = resources.networks(["identity"], paths, is_demo=True)["identity"]
        directions = _directions(source)
    racing = [_calibrated(x, source.network, networks["lpips"]) for x in racing]
    models = Models(generator=source.network, networks=networks, statistics=found)
    distances = dict(map(_distance, _JUDGES.value))
    judges = race_judges.Judges(
        models=models, distances=distances, reader=reader, directions=directions
    )
    if with_identity and reader is None:
        embedder = resources.networks(["identity"], paths, is_demo=False)["identity"]
        judges = dataclasses.replace(judges, embedder=embedder)
    columns = [*_COLUMNS, *distances, *(["identity"] if with_identity else [])]
    if reader is not None:
        columns += ["attribute_error", "edit_psnr", "edit_wanted", "edit_leak"]
        columns += ["edit_identity"]
    return racing, models, Panel(judges=judges, columns=tuple(columns))


def _calibrated(
    contestant: contestants.Contestant,
    generator: base.Generator,
    lpips: base.PerceptualDistance,
) -> contestants.Contestant:
    """A preset that tunes, with its threshold on the scale of the distance at hand."""
    if not isinstance(contestant, presets.Preset) or contestant.pivotal is None:
        return contestant
    pivotal = calibration.stop(
        contestant.pivotal,
        generator,
        lpips,
        is_published=_NETWORKS["lpips"].value is not None,
    )
    return dataclasses.replace(contestant, pivotal=pivotal)


def _generator() -> tuple[resources.Source, statistics.LatentStatistics]:
    if _RANDOM.value is None:
        source = resources.generator(_GENERATOR.value)
        return source, resources.latent_statistics(source, with_p=True)
    network = random_generator(_RANDOM.value)
    source = resources.Source(network=network, path=resources.ASSETS, sha256="")
    return source, statistics.estimate(network, with_p=True)


def random_generator(text: str) -> base.Network:
    """Makes a generator with random weights.

    Args:
      text: FAMILY:SIDE, or FAMILY:SIDE:CHANNELS for at most so many channels.

    Raises:
      UsageError: no such family, or numbers that make no generator.
    """
    family, _, rest = text.partition(":")
    try:
        side, *most = map(int, rest.split(":"))
        limit = most[0] if most else 512
        sides = [2**k for k in range(2, side.bit_length())]
        widths = tuple(min(_WIDTH * 2 // x, limit) for x in sides)
        configs: dict[str, Any] = {
            "stylegan1": lambda: stylegan1.StyleGAN1Config(
                resolution=side, channels=(widths[0], *widths)
            ),
            "stylegan2": lambda: stylegan2.StyleGAN2Config(
                resolution=side, channels=widths
            ),
            "stylegan3": lambda: stylegan3_config.StyleGAN3Config(
                resolution=side, channel_max=limit
            ),
        }
        if family not in configs:
            raise InputError(f"the families are {', '.join(configs)}")
        config = configs[family]()
    except InputError as error:
        raise command_line.UsageError(f"--random_generator={text}: {error}.") from error
    makers: dict[str, Any] = {
        "stylegan1": stylegan1.StyleGAN1Generator,
        "stylegan2": stylegan2.StyleGAN2Generator,
        "stylegan3": stylegan3.StyleGAN3Generator,
    }
    return jax.jit(lambda: makers[family](config, rngs=nnx.Rngs(0)))()


def _directions(source: resources.Source) -> list:
    library = direction_lists.Library(source=source)
    try:
        return [library.direction(name) for name in _DIRECTIONS.value]
    except DirectionError as error:
        raise command_line.UsageError(f"--directions: {error}") from error


def _distance(text: str) -> tuple[str, base.Network]:
    trunk, _, heads = text.partition(":")
    if not heads:
        raise command_line.UsageError(
            f"--judges={text}: give the trunk's file and the heads', TRUNK:HEADS."
        )
    network = converters.load_lpips(trunk, heads)
    return f"lpips_{network.config.trunk}", network
