"""The whole road in a real browser: drop, invert, edit, morph, save, load."""

import io
import itertools
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest

from jax_encoder.io import codes, images
from tests.experiments.studio_page import served

pytestmark = [
    pytest.mark.browser,
    # Playwright leaves its loop to the interpreter's end.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

EXAMPLES = served.ROOT / "jax_encoder" / "assets" / "examples"
NAMES = ("generated_1", "rendered_1")
_SHOTS = os.environ.get("STUDIO_SCREENSHOTS")  # a folder to keep them in
_SET = "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }"


@pytest.fixture(scope="module")
def process():
    """A studio."""
    with served.studio() as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    """Chromium: the system's, or Playwright's own."""
    from playwright import sync_api

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield found
        found.close()


class _Page:
    """A page that keeps account of its requests and complaints."""

    def __init__(self, browser, address, width=1280, height=860, **options):
        size = {"width": width, "height": height}
        self.context = browser.new_context(viewport=size, **options)
        self.page = self.context.new_page()
        self.address, self.complaints, self.outside = address, [], []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._check)
        start = time.monotonic()
        self.page.goto(address)
        self.page.wait_for_selector(".examples button")
        self.seconds = time.monotonic() - start

    def _note(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _check(self, request):
        if not request.url.startswith((self.address, "blob:", "data:")):
            self.outside.append(request.url)

    def shoot(self, name):
        """Keeps a screenshot, where they are asked for."""
        if _SHOTS:
            pathlib.Path(_SHOTS).mkdir(parents=True, exist_ok=True)
            self.page.wait_for_timeout(400)
            self.page.screenshot(path=f"{_SHOTS}/{name}.png")

    def move(self, selector, value):
        """Moves a slider and waits for its picture."""
        self.page.eval_on_selector(selector, _SET, value)


@pytest.fixture(scope="module")
def visit(process, browser):
    """A visit with two pictures inverted."""
    found = _Page(browser, process.address)
    page = found.page
    found.shoot("start_1280")
    page.set_input_files("#pick", [EXAMPLES / f"{name}.png" for name in NAMES])
    page.wait_for_function("document.querySelectorAll('.job').length == 2")
    page.select_option("#preset", "fast")
    page.click("#go")
    page.wait_for_function(
        "document.querySelectorAll('.card').length == 2", timeout=600_000
    )
    found.shoot("invert_1280")
    yield found
    assert not found.outside
    assert not found.complaints
    found.context.close()


def _run(binary, *flags, folder):
    command = [sys.executable, "-m", f"experiments.{binary}", *flags]
    environment = {**os.environ, "PYTHONPATH": str(served.ROOT), "XLA_FLAGS": ""}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def saved(visit, tmp_path_factory):
    """The tray, as the page saves it: the archive and its files."""
    folder = tmp_path_factory.mktemp("saved")
    with visit.page.expect_download() as download:
        visit.page.click("#tray-save")
    download.value.save_as(folder / "codes.zip")
    with zipfile.ZipFile(folder / "codes.zip") as archive:
        archive.extractall(folder)
    return folder


def test_the_page_is_there_soon(process, visit):
    served.note(
        f"ready after {process.seconds:.1f} s, page after {visit.seconds:.2f} s"
    )
    assert visit.seconds < 3.0 * served.slowdown()
    assert process.seconds < 15.0 * served.slowdown()


@pytest.mark.parametrize("name", NAMES)
def test_codes_are_those_of_encode_image(saved, tmp_path, name):
    shutil.copy(EXAMPLES / f"{name}.png", tmp_path)
    _run("encode_image", f"{name}.png", "own.npy", "--preset=fast", folder=tmp_path)
    own, found = np.load(tmp_path / "own.npy"), codes.load(saved / f"{name}.npz")
    np.testing.assert_array_equal(found.values[0], own)
    np.testing.assert_array_equal(np.load(saved / f"{name}.npy"), own)


def _shown(visit, selector):
    """The pixels of an <img> of the page."""
    content = visit.page.evaluate(
        """async (selector) => {
          const blob = await (await fetch(document.querySelector(selector).src)).blob();
          return [...new Uint8Array(await blob.arrayBuffer())];
        }""",
        selector,
    )
    path = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"shown{os.getpid()}.png"
    path.write_bytes(bytes(content))
    try:
        return images.to_uint8(images.decode(path))
    finally:
        path.unlink()


def test_sliders_give_what_edit_gives(visit, saved, tmp_path):
    page = visit.page
    page.click("#tab-edit")
    page.click(f".card[data-name={NAMES[0]}] .pick")
    page.wait_for_function("document.querySelector('#edit-after').src != ''")
    page.wait_for_timeout(1500)
    before = _shown(visit, "#edit-after")
    visit.move("[data-direction=smile]", 2)
    visit.move("[data-direction=age]", -1)
    page.wait_for_function(
        "document.querySelector('[data-command=edit] code').textContent"
        ".includes('smile=2,age=-1')"
    )
    page.wait_for_timeout(500)
    after = _shown(visit, "#edit-after")
    visit.shoot("edit_1280")
    command = page.text_content("[data-command=edit] code").split()
    shutil.copy(saved / f"{NAMES[0]}.npz", tmp_path)
    _run(command[2].partition(".")[2], *command[3:], folder=tmp_path)
    (path,) = (tmp_path / "edited").glob(f"{NAMES[0]}_*_0.png")
    own = images.to_uint8(images.decode(path))
    assert np.abs(own.astype(int) - after).max() <= 1
    assert np.abs(before.astype(int) - after).max() > 30
    page.click("#edit-reset")


def test_a_hundred_moves_of_a_slider(visit):
    page = visit.page
    page.click("#tab-edit")
    page.wait_for_timeout(2000)
    seconds = page.evaluate(
        """async () => {
          const slider = document.querySelector('[data-direction=smile]');
          const image = document.querySelector('#edit-after'), found = [];
          for (let move = 0; move < 100; move++) {
            const before = image.src, start = performance.now();
            slider.value = 3 * Math.sin(move + 1);
            slider.dispatchEvent(new Event('input'));
            while (image.src === before) await new Promise((r) => setTimeout(r, 1));
            await image.decode().catch(() => {});
            found.push(performance.now() - start);
            await new Promise((r) => setTimeout(r, 10));
          }
          return found;
        }"""
    )
    median, high = statistics.median(seconds), sorted(seconds)[94]
    served.note(
        f"slider to picture: median {median:.0f} ms, 95th percentile {high:.0f} ms"
    )
    limit = served.slowdown()
    assert median <= 150 * limit
    assert high <= 300 * limit
    page.click("#edit-reset")


def test_a_morph_goes_home_as_a_film(visit, tmp_path):
    import av

    page = visit.page
    page.click("#tab-morph")
    page.wait_for_selector("#morph-work:not([hidden])")
    visit.move("#morph-place", 0.5)
    page.wait_for_timeout(1500)
    visit.shoot("morph_1280")
    page.fill("#film-seconds", "1")
    page.fill("#film-side", "128")
    with page.expect_download(timeout=120_000) as download:
        page.click("#film [type=submit]")
    download.value.save_as(tmp_path / "morph.mp4")
    with av.open(str(tmp_path / "morph.mp4")) as film:
        frames = [f.to_ndarray(format="rgb24") for f in film.decode(video=0)]
    assert len(frames) == 25
    assert frames[0].shape == (128, 128, 3)
    steps = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(frames)]
    assert max(steps) < 0.35 * np.abs(frames[0].astype(int) - frames[-1]).mean()
    ends = page.evaluate(
        "[...document.querySelectorAll('#morph-order .badge')]"
        ".map((badge) => badge.textContent)"
    )
    for frame, name in ((frames[0], ends[0]), (frames[-1], ends[1])):
        content = visit.page.request.get(
            f"{visit.address}api/picture/code/{name}"
        ).body()
        (tmp_path / "end.png").write_bytes(content)
        end = images.to_uint8(images.decode(tmp_path / "end.png"))
        small = frame.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
        assert np.abs(small - end).mean() < 6


def test_the_map_shows_what_is_clicked(visit):
    page = visit.page
    page.click("#tab-explore")
    page.wait_for_selector("#map-busy", state="hidden", timeout=120_000)
    page.click("#map", position={"x": 300, "y": 200})
    page.wait_for_function("document.querySelector('#map-picture').src != ''")
    page.wait_for_selector("#grid button")
    visit.shoot("explore_1280")
    page.focus("#map")
    before = page.text_content("#map-what")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(1500)
    assert page.text_content("#map-what") != before
    page.click("#tab-generator")
    assert "StyleGAN2" in page.text_content("#facts")
    assert "Apache-2.0" in page.text_content("#facts")
    visit.shoot("generator_1280")


def test_a_saved_tray_comes_back_in_another_visit(visit, saved, browser, process):
    other = _Page(browser, process.address, width=390, height=844)
    page = other.page
    assert page.locator(".card").count() == 0
    other.shoot("start_390")
    page.set_input_files("#tray-load", [saved / "codes.zip"])
    page.wait_for_function("document.querySelectorAll('.card').length == 2")
    with page.expect_download() as download:
        page.click("#tray-save")
    with zipfile.ZipFile(
        io.BytesIO(pathlib.Path(download.value.path()).read_bytes())
    ) as z:
        for name in NAMES:
            again = np.load(io.BytesIO(z.read(f"{name}.npy")))
            np.testing.assert_array_equal(again, np.load(saved / f"{name}.npy"))
    page.click(".card .pick")
    page.wait_for_function("document.querySelector('#edit-after').src != ''")
    other.shoot("edit_390")
    is_wide = "document.documentElement.scrollWidth > innerWidth"
    for tab in ("invert", "edit", "morph", "explore", "generator"):
        page.click(f"#tab-{tab}")
        page.wait_for_timeout(1200)
        assert not page.evaluate(is_wide), tab
        other.shoot(f"{tab}_390")
    assert not other.complaints
    assert not other.outside
    other.context.close()


def test_dark_and_by_keyboard(visit, browser, process):
    other = _Page(browser, process.address, color_scheme="dark")
    page = other.page
    assert page.evaluate("document.documentElement.classList.contains('dark')")
    page.focus("#tab-invert")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-edit"
    assert page.is_visible("#edit-empty")
    page.keyboard.press("ArrowLeft")
    page.focus(".examples button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".job")
    page.focus(".job [data-do=invert]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".job [data-do=stop]:not([hidden])")
    other.shoot("invert_dark_1280")
    page.focus(".job [data-do=stop]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".job [data-do=go]:not([hidden])", timeout=60_000)
    assert not other.complaints
    other.context.close()


def test_a_bad_picture_is_told_and_the_page_lives_on(visit, tmp_path):
    page = visit.page
    (tmp_path / "bad.png").write_bytes(b"no picture")
    page.click("#tab-invert")
    page.set_input_files("#pick", [tmp_path / "bad.png"])
    page.wait_for_selector(".toast.error")
    text = page.text_content(".toast.error p")
    assert "bad.png" in text
    assert str(tmp_path) not in text
    page.click(".toast.error button")
    page.locator(".examples button").first.click()
    page.wait_for_function("document.querySelectorAll('.job').length == 3")
