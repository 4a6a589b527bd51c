"""From the flags of the studio to a server that listens."""
# An extra, which need not be installed where types are checked.
# pyright: reportMissingImports=false

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence

import uvicorn

from experiments.launch import command_line, signals
from experiments.studio_page import safety
from experiments.studio_page.page_actions import Studio
from experiments.studio_page.server import Server
from experiments.studio_page.workshop import Workshops


def serve(
    *,
    generators: Sequence[str],
    networks: Mapping[str, str | None],
    host: str | None,
    port: int,
    token: str | None,
    max_bytes: int,
    idle_seconds: float,
    on_ready: Callable[[str], object],
) -> int:
    """Serves until it is stopped.

    Args:
      generators: bundles, checkpoints, zoo names.
      networks: perceptual networks by name.
      host: address to listen on; None for loopback.
      port: 0 for any that is free.
      token: the person's own, or None.
      max_bytes: of an upload.
      idle_seconds: after which a silent visit ends.
      on_ready: is told the page's address.

    Returns:
      The exit code.

    Raises:
      UsageError: a host and token that do not go together.
      Failure: a network cannot be read, or the port is taken.
    """
    door = safety.door(host, token)
    workshops = Workshops(list(generators), networks, is_open=not door.is_public)
    workshops.get(workshops.first)  # says now what is wrong with it
    limits = safety.VisitorLimits(max_bytes=max_bytes, idle_seconds=idle_seconds)
    listening = _listen(door.host, port)
    app = Server(Studio(workshops, limits), door).app
    config = uvicorn.Config(
        app,
        loop="asyncio",  # uvloop takes the signals that the launcher waits for
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
    )
    server = _Announcing(config, _address(door, listening), on_ready)
    # The first Ctrl-C ends the visits, and their files, before the process.
    with contextlib.suppress(signals.Stopped), signals.saving():
        server.run(sockets=[listening])
    return 0


class _Announcing(uvicorn.Server):
    """Says where the page is once it answers; stops at the launcher's signals."""

    def __init__(self, config: uvicorn.Config, address: str, on_ready):
        super().__init__(config)
        self._address, self._on_ready = address, on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to the launcher."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Stops once a signal has come."""
        self.should_exit |= signals.is_stopping()
        return await super().on_tick(counter)

    async def startup(self, sockets=None) -> None:
        """Begins to listen, and says so."""
        await super().startup(sockets)
        print(f"The studio is at {self._address} (Ctrl-C stops it).", flush=True)
        threading.Thread(
            target=self._on_ready, args=(self._address,), daemon=True
        ).start()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
    except OSError as error:
        raise command_line.Failure(
            f"Cannot listen on {host}:{port} ({error.strerror}): choose another --port,"
            " 0 for any, or another --host."
        ) from error
    return listening


def _address(door: safety.Door, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    host = f"[{door.host}]" if ":" in door.host else door.host
    query = f"?token={door.token}" if door.is_public else ""
    return f"http://{host}:{port}/{query}"
