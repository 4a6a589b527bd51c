"""Who races, by name: presets, rows that are no presets, and PyTorch peers."""

import dataclasses
import importlib.util
from collections.abc import Sequence
from typing import Any

from experiments.racing.contest import Peer
from jax_encoder.errors import InputError
from jax_encoder.inversion import presets, schedules, terms
from jax_encoder.inversion.config import ProjectorConfig

_BOTH = (terms.Pixel(weight=10.0), terms.Perceptual())

# What `default` was before the second order, and what else was tried for it.
ROWS = (
    presets.Preset(
        name="adam",
        source="the preset `default` until L-BFGS",
        config=ProjectorConfig(
            space="w+", terms=_BOTH, schedule=schedules.CosineRamps(learning_rate=0.1)
        ),
    ),
    presets.Preset(
        name="adam-b2",
        source="Adam with b2 = 0.9",
        config=ProjectorConfig(
            space="w+",
            terms=_BOTH,
            optimizer_options=(("b2", 0.9),),
            schedule=schedules.CosineRamps(learning_rate=0.1),
        ),
    ),
    dataclasses.replace(
        presets.get("default"), name="default-encoder", start="encoder"
    ),
    dataclasses.replace(presets.get("default"), name="default-seeds", start="seeds:64"),
)

PEERS = ("torch-nvidia", "torch-rosinality")

Contestant = presets.Preset | tuple[str, Peer]
"""A preset of ours, or a peer with its name."""


def find(names: Sequence[str]) -> list[Contestant]:
    """Finds contestants.

    Args:
      names: of presets, rows and peers, with changes behind them, such as
        "adam:space=p+:learning_rate=0.05" (`Preset.changed`); of peers `num_steps`.

    Returns:
      A preset, or a peer with its name, for each.

    Raises:
      ValueError: there is none of a name, or PyTorch is not installed.
    """
    rows, found = {row.name: row for row in ROWS}, []
    for text in names:
        name, *changes = text.split(":")
        if name in PEERS:
            if importlib.util.find_spec("torch") is None:
                raise InputError(f"{name}: needs PyTorch (pip install torch).")
            peers = importlib.import_module("experiments.racing.torch_projectors")
            own: dict[str, Any] = dict(map(_change, changes))
            found.append((text, _with_steps(peers.PROJECTORS[name], **own)))
        elif name in rows or name in presets.names():
            preset = rows[name] if name in rows else presets.get(name)
            changed = preset.changed(**dict(map(_change, changes)))
            found.append(dataclasses.replace(changed, name=text))
        else:
            known = ", ".join([*presets.names(), *rows, *PEERS])
            raise InputError(
                f"Nobody races under the name {name!r}; there are {known}."
            )
    return found


def _with_steps(peer: Peer, num_steps: int | None = None) -> Peer:
    """The peer with steps of its own, where the race gives none."""
    return lambda models, targets, given: peer(models, targets, given or num_steps)


def _change(text: str) -> tuple[str, float | int | str]:
    """A change such as "learning_rate=0.05"."""
    key, is_given, value = text.partition("=")
    if not is_given:
        raise InputError(f"{text!r} is no change: write it as KEY=VALUE.")
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value
