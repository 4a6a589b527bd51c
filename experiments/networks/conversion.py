"""From a checkpoint to a bundle, with a summary for the person."""

import dataclasses
import sys
from typing import Any

import jax
from flax import nnx

import converters
from converters.zoo import catalog as zoo
from experiments.launch import command_line
from jax_encoder.io import bundles, files

_W_AVG = {
    "file": "from the file",
    "estimated": "estimated from 10,000 random latents: the file has none",
    "training": "from training",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conversion:
    """A network, and what is known of it.

    Attributes:
      network: the module.
      provenance: for the bundle.
    """

    network: Any
    provenance: dict[str, Any]


def announce(entry: zoo.Entry) -> None:
    """Tells what is downloaded, and under which license."""
    print(f"Fetching {entry.name}, license: {entry.license}", file=sys.stderr)


def convert(
    source: str,
    *,
    kind: str | None = None,
    part: str | None = None,
    license_text: str | None = None,
    sha256: str | None = None,
) -> Conversion:
    """Converts a file, or a checkpoint of the zoo, which is downloaded first.

    Args:
      source: a path, or a name of the zoo.
      kind: the layout; recognized by content if None.
      part: the network among several in the file.
      license_text: of the weights, if the person knows it.
      sha256: that the file must have.

    Raises:
      Failure: it cannot be had or converted.
    """
    try:
        path, entry = zoo.locate(source, announce=announce, sha256=sha256)
        kind = kind or (entry.kind if entry else None)
        network = converters.load(path, kind=kind, part=part)
    except ValueError as error:
        raise command_line.Failure(str(error)) from error
    digest = files.sha256(path)
    entry = entry or zoo.find_sha256(digest)
    provenance = {"source": path.name, "sha256": digest}
    if part is not None:
        provenance["part"] = part
    if entry is not None:
        provenance |= {"zoo": entry.name, "citation": entry.citation}
    provenance["license"] = license_text or (entry.license if entry else "not known")
    w_avg = getattr(network.config, "w_avg_source", None)
    if w_avg is not None:
        provenance["w_avg"] = w_avg
    return Conversion(network=network, provenance=provenance)


def save(conversion: Conversion, directory: str, dtype: str | None = None) -> None:
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


def summarize(conversion: Conversion) -> str:
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
    lines = [f"{name:>12}: {fact}" for name, fact in facts.items() if fact is not None]
    return "\n".join(lines)
