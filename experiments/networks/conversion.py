"""From a checkpoint to a bundle, with a summary for the person."""

import dataclasses
import math
import pathlib
import sys
from collections.abc import Callable, Mapping, Sequence

import jax
from flax import nnx

import converters
from converters.zoo import catalog as zoo
from converters.zoo import table as zoo_table
from experiments.launch import command_line
from jax_encoder.errors import InputError
from jax_encoder.io import bundles, files, json_types
from jax_encoder.nn import base

_W_AVG = {
    "file": "from the file",
    "estimated": "estimated from 10,000 random latents: the file has none",
    "training": "from training",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvertedCheckpoint:
    """A network, and what is known of it.

    Attributes:
      network: the module.
      path: the checkpoint.
      provenance: for the bundle.
      assumed: the values that the file lacks, by name, as they were assumed.
    """

    network: base.Network
    path: pathlib.Path
    provenance: json_types.Row
    assumed: Mapping[str, object]


def announce(entry: zoo_table.ZooEntry) -> None:
    """Tells what is downloaded, and under which license."""
    print(f"Fetching {entry.name}, license: {entry.license}", file=sys.stderr)


def convert(
    source: str,
    *,
    kind: str | None = None,
    part: str | None = None,
    heads: str | None = None,
    given: Mapping[str, object] | None = None,
    license_text: str | None = None,
    sha256: str | None = None,
) -> ConvertedCheckpoint:
    """Converts a file, or a checkpoint of the zoo, which is downloaded first.

    Args:
      source: a path, or a name of the zoo.
      kind: the layout; recognized by content if None.
      part: the network among several in the file.
      heads: of LPIPS, a path or a name of the zoo: `source` is the trunk then.
      given: values that the file lacks, by name, instead of the usual ones.
      license_text: of the weights, if the person knows it.
      sha256: that the file must have.

    Raises:
      Failure: it cannot be had or converted.
    """
    if source in zoo.PAIRS and not pathlib.Path(source).exists():
        source, heads = zoo.PAIRS[source]
    try:
        path, entry = zoo.locate(source, announce=announce, sha256=sha256)
        if heads is not None:
            return _join(path, entry, heads, license_text)
        kind = kind or (entry.kind if entry else None)
        found = converters.load_noting(path, kind=kind, part=part, given=given)
    except InputError as error:
        raise command_line.Failure(str(error)) from error
    provenance = _provenance(path, entry, license_text)
    if part is not None:
        provenance["part"] = part
    w_avg = getattr(found.network.config, "w_avg_source", None)
    if w_avg is not None:
        provenance["w_avg"] = w_avg
    if found.assumed:
        provenance["assumed"] = dict(found.assumed)
    if given:
        provenance["given"] = dict(given)
    return ConvertedCheckpoint(
        network=found.network,
        path=path,
        provenance=provenance,
        assumed=found.assumed,
    )


def _join(
    trunk: pathlib.Path,
    entry: zoo_table.ZooEntry | None,
    heads: str,
    license_text: str | None,
) -> ConvertedCheckpoint:
    """The distance of a trunk and its heads."""
    path, heads_entry = zoo.locate(heads, announce=announce)
    network = converters.load_lpips(trunk, path)
    provenance = _provenance(trunk, entry, license_text)
    provenance["heads"] = _provenance(path, heads_entry, license_text)
    return ConvertedCheckpoint(
        network=network, path=trunk, provenance=provenance, assumed={}
    )


def _provenance(
    path: pathlib.Path, entry: zoo_table.ZooEntry | None, license_text: str | None
) -> dict[str, object]:
    """Where a file came from, for the bundle."""
    digest = files.sha256(path)
    entry = entry or zoo.find_sha256(digest)
    provenance: json_types.Row = {"source": path.name, "sha256": digest}
    if entry is not None:
        provenance |= {"zoo": entry.name, "citation": entry.citation}
    provenance["license"] = license_text or (entry.license if entry else "not known")
    return provenance


def parse_given(texts: Sequence[str]) -> dict[str, object]:
    """Values that a file lacks, out of "name=value" as a person writes them.

    Args:
      texts: such as ["lr_multiplier=0.1", "conv_clamp=256"]; a value is a number,
        "true", "false", "none", a word, or numbers with ":" between them.

    Raises:
      UsageError: there is no value, or no such name.
    """
    found = {}
    for text in texts:
        name, has_value, value = text.partition("=")
        if not has_value or name not in _GIVEN:
            raise command_line.UsageError(
                f"--assume={text}: give NAME=VALUE; the names: {', '.join(_GIVEN)}."
            )
        try:
            found[name] = _GIVEN[name](value.strip().lower())
        except ValueError:
            raise command_line.UsageError(
                f"--assume={text}: {value!r} is no value for {name}."
            ) from None
    return found


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise InputError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value < 1 << 31:
        raise InputError(text)
    return value


def _rows(text: str) -> int:
    if not 4 <= int(text) <= 64:
        raise InputError(text)
    return int(text)


def _unless_none(parse: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: None if text == "none" else parse(text)


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise InputError(text)
    return text == "true"


def _taps(text: str) -> tuple[float, ...]:
    taps = tuple(float(part) for part in text.split(":"))
    if not all(map(math.isfinite, taps)) or not 0 < len(taps) <= 64 or not sum(taps):
        raise InputError(text)
    return taps


_GIVEN: dict[str, Callable[[str], object]] = {
    "lr_multiplier": _positive,
    "conv_clamp": _unless_none(_positive),
    "group_size": _unless_none(lambda text: max(_count(text), 1)),
    "noise_seed": _count,
    "taps": _taps,
    "fused_scale": lambda text: text if text == "auto" else _truth(text),
    "has_tanh": _truth,
    "use_wscale": _truth,
    "num_ws": _rows,
}


def save(
    conversion: ConvertedCheckpoint, directory: str, dtype: str | None = None
) -> None:
    """Writes the bundle.

    Raises:
      Failure: it cannot be written there.
    """
    try:
        bundles.save(
            conversion.network,
            directory,
            provenance=conversion.provenance,
            dtype=dtype,
        )
    except bundles.BundleError as error:
        raise command_line.Failure(str(error)) from error


def summarize(conversion: ConvertedCheckpoint) -> str:
    """What was converted, a line per fact."""
    network, provenance = conversion.network, conversion.provenance
    config = network.config
    params = jax.tree.leaves(nnx.state(network, nnx.Param))
    facts = {
        "network": f"{type(network).__name__} ({type(network).__module__})",
        "family": getattr(config, "family", None),
        "resolution": getattr(config, "resolution", None),
        "rows of w": getattr(config, "num_ws", None),
        "parameters": f"{sum(leaf.size for leaf in params):,}",
        "mean latent": _W_AVG.get(provenance.get("w_avg", "")),
        "sha256": provenance["sha256"],
        "license": provenance["license"],
        "citation": provenance.get("citation"),
    }
    if conversion.assumed:
        facts["assumed"] = f"{assumptions(conversion)}: the file does not tell"
        if set(conversion.assumed) & set(_GIVEN):
            facts["assumed"] += "; give another value with --assume=NAME=VALUE"
    lines = [f"{name:>12}: {fact}" for name, fact in facts.items() if fact is not None]
    return "\n".join(lines)


def assumptions(conversion: ConvertedCheckpoint) -> str:
    """What was assumed, as NAME=VALUE."""
    return ", ".join(f"{name}={value}" for name, value in conversion.assumed.items())
