"""What a visitor may send, and what the studio tells of a failure."""

import dataclasses
import hmac
import ipaddress
import pathlib
import re
import secrets
from collections.abc import Mapping, Sequence

from experiments.launch import command_line
from jax_encoder.errors import InputError
from jax_encoder.io import names

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Refusal(InputError):
    """What a visitor asked for cannot be done; the message tells them why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class VisitorLimits:
    """How much one visitor, and all of them, may ask of the studio.

    Attributes:
      max_bytes: of one upload.
      max_pixels: of one picture.
      max_pictures: dropped and not yet removed, of one visit.
      max_codes: in one visit's tray.
      max_files: in an archive of codes.
      max_unpacked: bytes of such an archive's content.
      max_visits: at the same time.
      idle_seconds: after which a visit without a sign of life ends.
      grace_seconds: after which a visit ends whose page was closed.
      max_frames: of a film.
      max_side: of a film's frames, in pixels.
    """

    max_bytes: int = 32 << 20
    max_pixels: int = 40_000_000
    max_pictures: int = 24
    max_codes: int = 96
    max_files: int = 96
    max_unpacked: int = 256 << 20
    max_visits: int = 64
    idle_seconds: float = 1800.0
    grace_seconds: float = 120.0
    max_frames: int = 600
    max_side: int = 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Door:
    """Who may come in.

    Attributes:
      host: the address that the server listens on.
      token: that a visitor must know; "" on loopback, where none is asked for.
    """

    host: str
    token: str = ""

    @property
    def is_public(self) -> bool:
        """Whether other machines can reach the server."""
        return bool(self.token)

    def opens(self, token: str) -> bool:
        """Whether a visitor's token is the right one; compared in constant time."""
        return hmac.compare_digest(token.encode(), self.token.encode())

    def knows_host(self, header: str) -> bool:
        """Whether a request was addressed to this server by a name that it goes by.

        A page elsewhere can give its own name the address 127.0.0.1; the browser then
        sends that name, which is none of the loopback's.

        Args:
          header: the request's Host.
        """
        return self.is_public or re.sub(r":\d+$", "", header) in LOOPBACK


def door(host: str | None, token: str | None) -> Door:
    """Decides who may come in.

    Args:
      host: the address to listen on; None for loopback.
      token: the person's own; None to make one where one is needed.

    Returns:
      The door; beyond loopback it always has a token.

    Raises:
      UsageError: a token that is too short to be one.
    """
    if host is None or _is_loopback(host):
        if token:
            raise command_line.UsageError("--token is for --host: loopback needs none.")
        return Door(host=host or "127.0.0.1")
    if token is not None and len(token) < 12:
        raise command_line.UsageError("--token must have 12 letters or more.")
    return Door(host=host, token=token or secrets.token_urlsafe(24))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_PATH = re.compile(r"(?<![\w.:/])~?(?:/[^\s/'\":;,()\[\]]+)+/?")


def sentence(error: BaseException, shown: Mapping[str, str] | None = None) -> str:
    """What a visitor is told of an error: no path of the machine is in it.

    Args:
      error: any.
      shown: the names that files have for the visitor, by their names on the disk.

    Returns:
      One or a few sentences; of a path only its last part is left.
    """
    if isinstance(error, MemoryError):
        return "That needs more memory than there is; take something smaller."
    text = str(error) or type(error).__name__
    text = _PATH.sub(lambda match: pathlib.PurePosixPath(match[0]).name, text)
    for own, name in (shown or {}).items():
        text = text.replace(own, name)
    text = names.safe(" ".join(text.split())[:400])
    return text if text.endswith((".", "!", "?")) else f"{text}."


def shown_name(name: str) -> str:
    r"""A file's name as a visitor sends it, without folders and odd signs.

    Args:
      name: anything, such as "../../etc/passwd" or "C:\\photos\\me.jpg".

    Returns:
      The last part, at most 80 letters; "picture" where nothing is left.
    """
    last = re.split(r"[/\\]", name)[-1].strip().lstrip(".")
    last = re.sub(r"[^\w .()+-]+", "_", names.safe(last))
    stem, dot, suffix = last.rpartition(".")
    short = f"{stem[:70]}{dot}{suffix[:9]}" if stem else last[:80]
    return short or "picture"


def unique_name(name: str, taken: Sequence[str]) -> str:
    """The name, with a number where another has it already.

    Args:
      name: wanted.
      taken: those there are; the case of letters does not count.
    """
    known = {other.casefold() for other in taken}
    candidate, number = name, 1
    while candidate.casefold() in known:
        number += 1
        candidate = f"{name}-{number}"
    return candidate
