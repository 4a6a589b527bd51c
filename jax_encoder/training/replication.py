"""A training on several devices: everything is copied, batches are divided."""

from collections.abc import Sequence
from typing import TypeVar

import jax

State = TypeVar("State")
Networks = TypeVar("Networks")


def distribute(
    state: State, networks: Networks, devices: Sequence[object] | None = None
) -> tuple[State, Networks, jax.sharding.NamedSharding]:
    """Copies a training to several devices; batches will be spread over them.

    Args:
      state: where the training stands.
      networks: what the training does not change.
      devices: which to use; default: all. Their number divides the batch size.

    Returns:
      the state and the networks, on all devices, and the sharding of batches.
    """
    devices = jax.devices() if devices is None else list(devices)
    mesh = jax.make_mesh(
        (len(devices),),
        ("data",),
        axis_types=(jax.sharding.AxisType.Auto,),
        devices=devices,
    )
    partition = jax.sharding.PartitionSpec
    everywhere = jax.sharding.NamedSharding(mesh, partition())
    state, networks = jax.device_put((state, networks), everywhere)
    return state, networks, jax.sharding.NamedSharding(mesh, partition("data"))
