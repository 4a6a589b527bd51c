"""The zoo, against a server on this machine."""

import dataclasses
import hashlib
import http.server
import re
import threading

import pytest

from converters.formats import kinds
from converters.zoo import catalog as zoo

CONTENT = bytes(range(256)) * 5000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves /good, /short (cut off the first time), /page and nothing else."""

    def do_GET(self):
        self.server.requests.append(self.path)
        body = {"/page": b"<!DOCTYPE html>quota"}.get(self.path, CONTENT)
        if self.path == "/absent":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        is_first = self.server.requests.count("/short") == 1
        is_cut = self.path == "/short" and is_first
        self.wfile.write(body[: len(body) // 3] if is_cut else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def entry(server, *paths, **options):
    return zoo.Entry(
        name="x",
        file="x.pkl",
        urls=tuple(f"http://127.0.0.1:{server.server_port}{path}" for path in paths),
        license="none",
        citation="none",
        **options,
    )


DIGEST = hashlib.sha256(CONTENT).hexdigest()


def test_a_file_is_fetched_once(server, tmp_path):
    wanted = entry(server, "/good", sha256=DIGEST, size=len(CONTENT))
    path = zoo.download(wanted, tmp_path)
    assert path.read_bytes() == CONTENT
    assert zoo.download(wanted, tmp_path) == path
    assert server.requests == ["/good"]


@pytest.mark.parametrize("digest", [None, DIGEST[:8], DIGEST])
def test_a_transfer_that_breaks_off_is_tried_again(server, tmp_path, digest):
    wanted = entry(server, "/short", sha256=digest)
    assert zoo.download(wanted, tmp_path).read_bytes() == CONTENT
    assert server.requests == ["/short", "/short"]


def test_the_next_address_is_tried(server, tmp_path):
    wanted = entry(server, "/absent", "/page", "/good")
    assert zoo.download(wanted, tmp_path, num_retries=0).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "digest", "reason"),
    [
        ("/absent", None, "404"),
        ("/page", None, "web page"),
        ("/good", "0" * 64, "hash"),
        ("/good", "00000000", "SHA-256 does not begin"),
    ],
)
def test_what_is_wrong_is_said_and_not_kept(server, tmp_path, path, digest, reason):
    wanted = entry(server, path, sha256=digest)
    with pytest.raises(zoo.ZooError, match=reason) as caught:
        zoo.download(wanted, tmp_path, num_retries=0)
    assert "by hand" in str(caught.value)
    assert not list(tmp_path.iterdir())


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
