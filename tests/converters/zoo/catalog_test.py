"""The zoo, against a server on this machine."""

import contextlib
import dataclasses
import hashlib
import http.server
import re
import threading
import time

import pytest

from converters.formats import kinds
from converters.zoo import catalog as zoo
from converters.zoo import downloads, table
from tests.converters import streams

CONTENT = streams.torch_zip({"a": 1}, {"0": bytes(range(256)) * 5000})
PAGE = b"\xef\xbb\xbf<!DOCTYPE html>quota"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves /good, /short (cut off the first time), pages, drips, endless bodies."""

    def do_GET(self):
        name = self.path
        self.server.requests.append(name)
        if name == "/absent":
            self.send_error(404)
            return
        body = {"/page": PAGE, "/empty": b"", "/half": CONTENT[:5000]}.get(
            name, CONTENT
        )
        body = self.server.bodies.get(name, body)
        start = self._range(name, len(body))
        self.send_response(206 if start else 200)
        if start:
            stop = len(body)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{stop}")
        if name not in ("/endless", "/unsaid"):
            self.send_header("Content-Length", str(len(body) - start))
        if name != "/changing":
            self.send_header("ETag", '"1"')
        self.end_headers()
        with contextlib.suppress(OSError):
            self._send(name, body[start:])

    def _range(self, name, size):
        asked = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked:
            self.server.ranges.append(int(asked[1]))
        is_same = self.headers.get("If-Range", '"1"') == '"1"'
        return int(asked[1]) if asked and is_same and name != "/whole" else 0

    def _send(self, name, body):
        is_first = self.server.requests.count(name) == 1
        if name in ("/short", "/whole", "/changing") and is_first:
            body = body[: len(body) // 3]
        if name == "/endless":
            for _ in range(10_000):
                self.wfile.write(bytes(1 << 16))
        elif name == "/drip":
            for position in range(100):
                self.wfile.write(body[position : position + 1])
                time.sleep(0.05)
        else:
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.ranges, server.bodies = [], [], {}
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def entry(server, *paths, **options):
    return table.ZooEntry(
        name="x",
        file="x.pkl",
        urls=tuple(f"http://127.0.0.1:{server.server_port}{path}" for path in paths),
        license="none",
        citation="none",
        **options,
    )


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(zoo, "_PAUSE", 0.0)


DIGEST = hashlib.sha256(CONTENT).hexdigest()


def test_a_file_is_fetched_once(server, tmp_path):
    wanted = entry(server, "/good", sha256=DIGEST, size=len(CONTENT))
    path = zoo.download(wanted, tmp_path)
    assert path.read_bytes() == CONTENT
    assert zoo.download(wanted, tmp_path) == path
    assert server.requests == ["/good"]


@pytest.mark.parametrize(
    "digest", [None, DIGEST[:8], DIGEST], ids=["none", "beginning", "whole"]
)
def test_a_transfer_that_breaks_off_is_tried_again(server, tmp_path, digest):
    wanted = entry(server, "/short", sha256=digest)
    assert zoo.download(wanted, tmp_path).read_bytes() == CONTENT
    assert server.requests == ["/short", "/short"]
    assert server.ranges == [len(CONTENT) // 3]
    assert hidden(tmp_path) == []


def hidden(folder):
    """What is left of transfers."""
    return [path for path in folder.rglob(".partial/*") if path.is_file()]


def test_a_server_that_sends_all_of_it_again(server, tmp_path):
    wanted = entry(server, "/whole")
    assert zoo.download(wanted, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [len(CONTENT) // 3]


def test_a_file_without_a_version_is_not_patched_together(server, tmp_path):
    wanted = entry(server, "/changing")
    assert zoo.download(wanted, tmp_path).read_bytes() == CONTENT
    assert server.ranges == []  # nothing tells that the rest is of the same file


def test_a_later_run_goes_on(server, tmp_path):
    wanted = entry(server, "/short")
    with pytest.raises(zoo.ZooError, match="came of"):
        zoo.download(wanted, tmp_path, num_retries=0)
    assert visible(tmp_path) == []
    assert zoo.download(wanted, tmp_path, num_retries=0).read_bytes() == CONTENT
    assert server.ranges == [len(CONTENT) // 3]


def visible(folder):
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def test_the_next_address_is_tried(server, tmp_path):
    wanted = entry(server, "/absent", "/page", "/good")
    assert zoo.download(wanted, tmp_path, num_retries=0).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "digest", "reason"),
    [
        ("/absent", None, "404"),
        ("/page", None, "web page"),
        ("/empty", None, "empty"),
        ("/half", None, "cut short"),
        ("/good", "0" * 64, "SHA-256"),
        ("/good", "00000000", "SHA-256 does not begin"),
    ],
)
def test_what_is_wrong_is_said_and_not_kept(server, tmp_path, path, digest, reason):
    wanted = entry(server, path, sha256=digest)
    with pytest.raises(zoo.ZooError, match=reason) as caught:
        zoo.download(wanted, tmp_path, num_retries=0)
    assert "by hand" in str(caught.value)
    assert visible(tmp_path) == hidden(tmp_path) == []


QUICK = downloads.Limits(
    max_bytes=2 << 20, max_seconds=20.0, stall_seconds=0.5, stall_bytes=100
)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/endless", "more than 2097152 bytes"), ("/drip", r"bytes came in|broke off")],
)
def test_endless_bodies_and_drips_end(server, tmp_path, path, reason):
    start = time.monotonic()
    with pytest.raises(zoo.ZooError, match=reason):
        zoo.download(entry(server, path), tmp_path, num_retries=0, limits=QUICK)
    assert time.monotonic() - start < 10
    assert visible(tmp_path) == []
    assert sum(path.stat().st_size for path in hidden(tmp_path)) < 3 << 20


def test_an_announced_size_beyond_the_ceiling_is_not_begun(server, tmp_path):
    limits = dataclasses.replace(QUICK, max_bytes=1000)
    with pytest.raises(zoo.ZooError, match="announces"):
        zoo.download(entry(server, "/good"), tmp_path, limits=limits)
    with pytest.raises(zoo.ZooError, match="announces"):
        zoo.download(entry(server, "/good", size=100), tmp_path)


def test_the_first_digest_is_remembered(server, tmp_path, caplog):
    wanted = entry(server, "/good")
    path = zoo.download(wanted, tmp_path)
    path.write_bytes(path.read_bytes()[:-1])  # damaged in the cache
    assert zoo.download(wanted, tmp_path).read_bytes() == CONTENT
    assert "has changed since it came" in caplog.text
    path.unlink()
    other = streams.torch_zip({"a": 2}, {"0": bytes(99)})
    server.bodies["/good"] = other  # the publisher, or someone else, replaced it
    with pytest.raises(zoo.ZooError, match="when it was first fetched"):
        zoo.download(wanted, tmp_path)
    digest = hashlib.sha256(other).hexdigest()
    assert zoo.download(wanted, tmp_path, sha256=digest).read_bytes() == other
    with pytest.raises(zoo.ZooError, match="its SHA-256 is"):
        zoo.download(wanted, tmp_path, sha256="0" * 64)


def test_offline_nothing_is_asked(server, tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_ENCODER_OFFLINE", "1")
    with pytest.raises(zoo.ZooError, match="forbids downloads"):
        zoo.download(entry(server, "/good"), tmp_path)
    (tmp_path / "x.pkl").write_bytes(CONTENT)
    assert zoo.download(entry(server, "/good"), tmp_path).read_bytes() == CONTENT
    assert server.requests == []


def test_a_named_file_is_held_to_its_digest(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(CONTENT)
    assert zoo.locate(path, sha256=DIGEST.upper()) == (path, None)
    with pytest.raises(zoo.ZooError, match="its SHA-256 is not"):
        zoo.locate(path, sha256="0" * 64)


def test_the_table_is_sound():
    entries = list(zoo.ENTRIES.values())
    assert len(entries) == len(zoo.zoo_table.ENTRIES)
    assert len({entry.file for entry in entries}) == len(entries)
    names = {kind.name for kind in kinds.KINDS}
    for found in entries:
        assert all(re.match(r"https?://", url) for url in found.urls)
        assert found.license
        assert found.citation
        assert found.sha256 is None or re.fullmatch("[0-9a-f]{8,64}", found.sha256)
        assert found.kind is None or found.kind in names
        changed = dataclasses.replace(found, size=1)
        assert changed.name == found.name


def test_a_misspelt_name_gets_a_hint():
    with pytest.raises(zoo.ZooError, match="stylegan2-ffhq-config-f"):
        zoo.find("stylegan2-ffhq-configf")
    digest = zoo.find("stylegan2-ffhq-config-f").sha256
    assert zoo.find_sha256(digest).name == "stylegan2-ffhq-config-f"
    assert zoo.find_sha256("") is None
