"""A studio of the tests' own, in its own process, and visitors without a browser."""

import contextlib
import http.cookiejar
import io
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
import zipfile

import numpy as np

ROOT = pathlib.Path(__file__).parents[3]


@contextlib.contextmanager
def studio(*flags):
    """Runs `experiments.studio`; yields its process with `address` and `seconds`."""
    start = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.studio", "--port=0", *flags],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stdout.read()
        process.address = found[0]
        process.seconds = time.monotonic() - start
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60)
        process.kill()


class Visitor:
    """Speaks to a studio as its page does."""

    def __init__(self, address):
        self.address = address.partition("?")[0]
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(jar)
        )
        self._opener.open(address).read()

    def ask(self, path, content=None):
        """The answer: JSON, or the bytes of a file."""
        request = urllib.request.Request(f"{self.address}{path}", data=content)
        with self._opener.open(request, timeout=600) as response:
            body = response.read()
            is_json = "json" in response.headers["content-type"]
        return json.loads(body) if is_json else body

    def act(self, action, **values):
        """One of the page's actions."""
        return self.ask(f"api/{action}", json.dumps(values).encode())

    def send(self, kind, name, content):
        """Sends a file."""
        return self.ask(f"api/upload/{kind}?name={urllib.parse.quote(name)}", content)

    def state(self):
        """What the page shows now."""
        return self.ask("api/news?since=")

    def wait(self, is_done, seconds=600):
        """The state once something is so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.state()
            if is_done(state):
                return state
            time.sleep(0.05)
        raise AssertionError(f"It took more than {seconds} s: {state}")


def metadata(archive):
    """What the code files of an archive say of themselves, as texts."""
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        contents = [files.read(n) for n in files.namelist() if n.endswith(".npz")]
    return [np.load(io.BytesIO(content))["metadata"].item() for content in contents]


def finished(num):
    """Whether so many inversions are done."""
    return lambda state: sum(job["status"] == "done" for job in state["jobs"]) >= num


def note(text):
    """Tells a measured number, shown with `pytest -s`."""
    sys.stdout.write(f"{text}\n")


def slowdown():
    """By how much the limits of times are loosened, for a machine with other work."""
    return float(os.environ.get("STUDIO_SLOWDOWN", "1"))
