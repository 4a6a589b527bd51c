"""The flags of all binaries that render codes."""

import pathlib

from absl import flags

from experiments.editing import code_sets, edit_pasting
from experiments.editing.edit_rendering import Renderer
from experiments.launch import command_line, flag_types, outputs
from experiments.networks import resources, seed_pictures
from jax_encoder.nn import base

GENERATOR = flags.DEFINE_string(
    "generator", None, "A bundle or a checkpoint file; default: the demo's."
)
CODES = flags.DEFINE_string(
    "codes", None, "Files and directories of codes, with commas between them."
)
SPACE = flags.DEFINE_enum(
    "space",
    None,
    ["Z", "W", "WP"],
    "The space to work in; also of codes whose file cannot tell.",
    short_name="s",
)
PSI = flag_types.define_number(
    "truncation_psi",
    1.0,
    "The truncation: 1 for none, 0 for the mean picture.",
    -10.0,
    10.0,
)
CUTOFF = flag_types.define_integer(
    "truncation_cutoff", None, "How many rows of w to truncate.", 0
)
LABEL = flag_types.define_integer(
    "label", None, "The class to draw, for codes of Z.", 0
)
NOISE = flags.DEFINE_enum(
    "noise",
    "code",
    ["code", "const", "none"],
    "Which noise maps to use; code: those of the code.",
)
BATCH_SIZE = flag_types.define_integer(
    "batch_size", 4, "How many pictures are computed at a time.", 1, 65_536
)
_MIX = flags.DEFINE_string("mix", None, "A code whose rows replace some of each code.")
MIXED = flags.DEFINE_string(
    "mixed_layers", None, "The rows that --mix replaces; default: the finer half."
)
_TUNED = flags.DEFINE_boolean(
    "tuned", True, "Use NAME.difference.npz, the tuned generator beside a code."
)
PASTE_BACK = flags.DEFINE_boolean(
    "paste_back", False, "Also put the pictures back into their photographs."
)
_PHOTOGRAPHS = flags.DEFINE_string(
    "photographs", None, "Where the photographs lie; default: where they were."
)


def space() -> str | None:
    """The space of -s, as the library calls it."""
    return code_sets.SPACES[SPACE.value.lower()] if SPACE.value else None


def photographs() -> str | None:
    """The folder of --photographs."""
    return edit_pasting.check_folder(_PHOTOGRAPHS.value)


def directory(path: str) -> pathlib.Path:
    """Makes the output directory, and holds it."""
    return outputs.claim(path)


def renderer() -> Renderer:
    """The generator, and how its pictures are made.

    Raises:
      UsageError: rows to mix that the generator does not have.
      Failure: the generator or the code to mix with cannot be read.
    """
    source = resources.generator(GENERATOR.value)
    _check(source.network.config)
    options = {
        "source": source,
        "truncation_psi": PSI.value,
        "truncation_cutoff": CUTOFF.value,
        "label": LABEL.value,
        "noise": NOISE.value,
        "batch_size": BATCH_SIZE.value,
    }
    if not _MIX.value:
        return Renderer(**options)
    num_ws = source.network.config.num_ws
    rows = tuple(
        seed_pictures.parse_numbers(MIXED.value or f"{num_ws // 2}-{num_ws - 1}")
    )
    if max(rows) >= num_ws:
        raise command_line.UsageError(
            f"--mixed_layers: the rows of this generator are 0 to {num_ws - 1}."
        )
    (code, *_), _ = code_sets.read(_MIX.value, source, space=space())
    other = Renderer(**options).ws(code)[0]
    return Renderer(**options, mixed=other, mixed_rows=rows)


def _check(config: base.GeneratorConfig) -> None:
    """Refuses what this generator has no place for."""
    if not config.c_dim:
        command_line.refuse([LABEL], "this generator has no classes")
    if CUTOFF.value is not None and CUTOFF.value > config.num_ws:
        raise command_line.UsageError(
            f"--truncation_cutoff={CUTOFF.value}: w has {config.num_ws} rows."
        )


def sampler(renderer: Renderer) -> seed_pictures.Sampler:
    """What draws seeds in the same way."""
    return seed_pictures.Sampler(
        generator=renderer.source.network,
        truncation_psi=renderer.truncation_psi,
        truncation_cutoff=renderer.truncation_cutoff,
        label=renderer.label,
        noise="const" if renderer.noise == "code" else renderer.noise,
        batch_size=renderer.batch_size,
    )


def read_codes(renderer: Renderer) -> tuple[list[code_sets.Code], list[str]]:
    """The codes of --codes; a sentence for each that cannot be used.

    Raises:
      UsageError: --codes was not given.
      Failure: none can be used.
    """
    if not CODES.value:
        raise command_line.UsageError("Give --codes: files or directories of codes.")
    found, refused = code_sets.read(CODES.value, renderer.source, space=space())
    if not _TUNED.value:
        found = [code_sets.without_tuning(code) for code in found]
    return found, refused
