"""The driver of a Ray run: gives shards to actors, one per device, and waits.

Run by `ray_launch` in a process of its own, which never imports JAX. What is finished
was listed before; Ray gets the rest and keeps no record of it. An actor that dies is
started again by Ray, and its shard is tried again; a driver that dies leaves whole
shards and nothing else.
"""
# An extra, which need not be installed where types are checked.
# pyright: reportMissingImports=false

import contextlib
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from jax_encoder.io import json_types

_RETRIES = 20
_STARTS = 3


def _actor(ray: ModuleType, options: Mapping[str, object]) -> Any:
    """The class of actors; its body is the only place that imports JAX."""

    @ray.remote(**options)
    class RayEncoder:
        def __init__(self, arguments: Sequence[str]):
            os.environ.pop("JAX_PLATFORMS", None)
            if platforms := os.environ.get("JAX_PLATFORMS_OF_ACTORS"):
                os.environ["JAX_PLATFORMS"] = platforms
            from experiments.corpus import entry

            self._worker = entry.actor(arguments)

        def encode(self, shard: int) -> int:
            return self._worker(shard)

    return RayEncoder


def _options() -> dict[str, object]:
    """One actor per GPU where there are GPUs, else per processor."""
    has_gpu = any(pathlib.Path("/dev").glob("nvidia[0-9]*"))
    own = {"num_gpus": 1} if has_gpu else {"num_cpus": 1}
    return {**own, "max_restarts": -1, "max_task_retries": _RETRIES}


def _connect(ray: ModuleType, address: str | None) -> None:
    """Joins a cluster, or starts one; its token lies where this user alone reads it."""
    environment = {"env_vars": {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}}
    environment["env_vars"]["JAX_PLATFORMS_OF_ACTORS"] = os.environ.get(
        "JAX_PLATFORMS_OF_ACTORS", ""
    )
    for left in reversed(range(_STARTS)):
        try:
            ray.init(
                address=address,
                runtime_env=environment,
                include_dashboard=False,
                logging_level="error",
                log_to_driver=False,
            )
            return
        except Exception:  # A busy machine is not given the time by Ray that it needs.
            ray.shutdown()
            if not left:
                raise


def _num_actors(ray: ModuleType, wanted: int, kind: str, address: str | None) -> int:
    """How many the cluster has devices for: others would wait for ever."""
    available = int(ray.cluster_resources().get(kind, 0))
    if address is not None:  # It may grow.
        return wanted
    if wanted > available:
        text = f"Ray has {available} {kind}s here: {available} actors, not {wanted}."
        print(text, file=sys.stderr)
    return max(1, min(wanted, available))


def run(task: json_types.Row) -> int:
    """Encodes shards with actors.

    Args:
      task: "shards", "arguments" of the actors, "num_actors" and "address".

    Returns:
      The number of shards that no actor could finish.
    """
    try:
        import ray
        import ray.util
    except ImportError:
        print("Ray is not here: pip install 'jax_encoder[cluster]'.", file=sys.stderr)
        return len(task["shards"])
    try:
        _connect(ray, task["address"])
    except Exception as error:  # Ray raises plain ones where a node does not start.
        print(f"Ray does not start: {error}", file=sys.stderr)
        return len(task["shards"])
    options = _options()
    encoder = _actor(ray, options)
    kind = "GPU" if "num_gpus" in options else "CPU"
    num = _num_actors(ray, task["num_actors"], kind, task["address"])
    num = min(num, len(task["shards"]))
    actors = [encoder.remote(task["arguments"]) for _ in range(num)]
    try:
        return _dispatch(ray, actors, task["shards"])
    finally:
        with contextlib.suppress(Exception):
            ray.shutdown()


def _dispatch(ray: ModuleType, actors: Sequence[Any], shards: Sequence[int]) -> int:
    """Gives every actor a shard, and another when it is done; counts what failed."""
    waiting, running, failed = iter(shards), {}, 0
    for actor, shard in zip(actors, waiting, strict=False):
        running[actor.encode.remote(shard)] = (actor, shard)
    while running:
        (done, *_), _ = ray.wait(list(running), num_returns=1)
        actor, shard = running.pop(done)
        try:
            ray.get(done)
        except ray.exceptions.RayError as error:
            failed += 1
            text = str(getattr(error, "cause", None) or error).strip()
            print(
                f"Shard {shard}: {text.splitlines()[-1]}", file=sys.stderr, flush=True
            )
        following = next(waiting, None)
        if following is not None:
            running[actor.encode.remote(following)] = (actor, following)
    return failed


def main() -> int:
    """Reads the task from the standard input; returns the exit code."""
    task = json.load(sys.stdin)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if "RAY_AUTH_TOKEN_PATH" not in os.environ and not task["address"]:
        # A cluster of our own for this run: its token is not left in the home.
        with tempfile.TemporaryDirectory() as place:
            path = pathlib.Path(place) / "token"
            path.touch(0o600)
            path.write_text(os.urandom(32).hex())
            os.environ["RAY_AUTH_TOKEN_PATH"] = str(path)
            return int(run(task) > 0)
    return int(run(task) > 0)


if __name__ == "__main__":
    sys.exit(main())
