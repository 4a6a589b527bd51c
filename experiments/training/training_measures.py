"""FID and PPL of a generator while it is being trained, and at the end."""

import dataclasses
import functools
import os
import pathlib

import jax

from experiments.networks import resources
from jax_encoder.io import json_types
from jax_encoder.nn import base
from jax_encoder.training import generator_evaluation, sources

# Both networks end in feature maps of a sixteenth of the side.
_LEAST_SIDE = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class MeasuringNetworks:
    """What measures a training.

    Attributes:
      inception: bundle or checkpoint of Inception, which makes it the published FID;
        None for the features of `vgg`.
      vgg: bundle or checkpoint; None for the demo set's.
      lpips: the distance of PPL, bundle or checkpoint; None for the demo set's.
    """

    inception: str | None = None
    vgg: str | None = None
    lpips: str | None = None


class GeneratorMeasures:
    """Measures generators of one training; real pictures are measured once."""

    def __init__(
        self,
        networks: MeasuringNetworks,
        source: sources.Source,
        resolution: int,
        *,
        num: int,
    ):
        """Loads nothing yet.

        Args:
          networks: what measures.
          source: real pictures.
          resolution: their side.
          num: pictures for FID; a quarter as many paths for PPL.
        """
        self._networks = networks
        self._source = source
        self._resolution = resolution
        self._num = num
        self.latest: dict[str, object] | None = None

    def measure(self, generator: base.Generator) -> json_types.Row:
        """Returns "fid", "fid_real", "ppl" and what they were measured with.

        Pictures and paths are the same each time, so that the numbers of one training
        can be compared. Where nothing can be measured, there is a "note" instead.
        """
        note = self.note()
        if note:
            return {"note": note}
        network, name = self._features
        num_paths = -(-self._num // 4)
        fid = generator_evaluation.fid(
            generator, self._real, network, num=self._num, key=jax.random.key(1234)
        )
        ppl = generator_evaluation.ppl(
            generator, self._lpips, num=num_paths, key=jax.random.key(4321)
        )
        self.latest = {
            "fid": fid,
            "fid_real": self._real.fid_real,
            "ppl": ppl,
            "num": self._num,
            "num_paths": num_paths,
            "network": name,
        }
        return self.latest

    def note(self) -> str:
        """Says why nothing can be measured; empty where it can."""
        if self._resolution < _LEAST_SIDE:
            return f"Pictures below {_LEAST_SIDE} pixels are not measured."
        if not self._networks.inception and not _exists(self._vgg_path):
            return "The demo's feature network is missing: no FID, no PPL."
        if not _exists(self._lpips_path):
            return "The demo's distance is missing: no FID, no PPL."
        return ""

    @property
    def _vgg_path(self) -> str:
        return self._networks.vgg or os.fspath(resources.DEMO_NETWORKS["vgg"])

    @property
    def _lpips_path(self) -> str:
        return self._networks.lpips or os.fspath(resources.DEMO_NETWORKS["lpips"])

    @functools.cached_property
    def _features(self) -> tuple[object, str]:
        path = self._networks.inception or self._vgg_path
        role = "inception" if self._networks.inception else "vgg"
        network = resources.load(path, role).network
        kind = "Inception: " if self._networks.inception else ""
        return network, kind + pathlib.Path(path).name

    @functools.cached_property
    def _lpips(self) -> object:
        return resources.load(self._lpips_path, "lpips").network

    @functools.cached_property
    def _real(self) -> generator_evaluation.RealPictures:
        return generator_evaluation.real_pictures(
            self._source, self._features[0], num=self._num
        )


def _exists(path: str) -> bool:
    return pathlib.Path(path).exists()
