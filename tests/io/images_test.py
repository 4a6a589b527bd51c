import os

import numpy as np
import pytest
from PIL import Image, ImageCms

from jax_encoder.io import files, images


def save(picture, path, **options):
    picture.save(path, **options)
    return path


def levels(image):
    return images.to_uint8(image)


@pytest.fixture
def photo():
    """`[12, 20, 3]` uint8: a smooth picture, different in every corner."""
    rows, columns = np.mgrid[0:12, 0:20]
    return np.stack([rows * 20, columns * 12, 255 - rows * 9], -1).astype(np.uint8)


def test_rgb_is_exact(tmp_path, photo):
    image = images.read(save(Image.fromarray(photo), tmp_path / "a.png"))
    assert image.dtype == np.float32
    np.testing.assert_array_equal(levels(image), photo)
    np.testing.assert_allclose(image, photo / 127.5 - 1, atol=1e-6)


def test_all_levels_survive():
    all_levels = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, -1)
    np.testing.assert_array_equal(
        images.to_uint8(images.from_uint8(all_levels)), all_levels
    )


def test_to_uint8_rounds_halves_up_and_clamps():
    values = np.array([-9.0, -1.0, -1 + 1 / 255, 0.0, 1.0, 9.0, np.nan])
    expected = [0, 0, 1, 128, 255, 255, 0]
    np.testing.assert_array_equal(images.to_uint8(values), expected)


def test_gray(tmp_path):
    picture = Image.fromarray(np.array([[0, 51, 255]], np.uint8))
    image = images.read(save(picture, tmp_path / "a.png"))
    np.testing.assert_array_equal(levels(image)[0], [[0] * 3, [51] * 3, [255] * 3])


def test_bits(tmp_path):
    picture = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    image = images.read(save(picture, tmp_path / "a.png"))
    np.testing.assert_array_equal(image[0], [[-1] * 3, [1] * 3])


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_sixteen_bits_keep_their_brightness(tmp_path, extension):
    values = np.array([[0, 257 * 51, 65535, 32768]], np.uint16)
    path = save(Image.fromarray(values), tmp_path / f"a.{extension}")
    image = images.read(path)
    np.testing.assert_allclose(image[0, :, 1], values[0] / 32767.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(levels(image)[0, :, 0], [0, 51, 255, 128])


def test_sixteen_bit_rgb(tmp_path):
    # Pillow writes no 48-bit PNG; this one is assembled by hand.
    import struct
    import zlib

    def chunk(kind, content):
        code = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + code

    pixels = np.array([[[0, 257 * 51, 65535], [257 * 7, 257 * 130, 257]]], ">u2")
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    content = chunk(b"IHDR", header)
    content += chunk(b"IDAT", zlib.compress(b"\0" + pixels.tobytes()))
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content + chunk(b"IEND", b""))
    image = images.read(path)
    np.testing.assert_array_equal(levels(image)[0], [[0, 51, 255], [7, 130, 1]])


def test_alpha_is_composited_on_white(tmp_path):
    pixels = np.array([[[255, 0, 0, 255], [0, 0, 0, 0], [0, 0, 0, 51]]], np.uint8)
    image = images.read(save(Image.fromarray(pixels), tmp_path / "a.png"))
    np.testing.assert_array_equal(
        levels(image)[0], [[255, 0, 0], [255, 255, 255], [204, 204, 204]]
    )


def test_gray_with_alpha(tmp_path):
    picture = Image.fromarray(np.array([[[0, 255], [0, 0]]], np.uint8), "LA")
    image = images.read(save(picture, tmp_path / "a.png"))
    np.testing.assert_array_equal(levels(image)[0], [[0] * 3, [255] * 3])


def test_palette_with_alpha(tmp_path):
    picture = Image.new("P", (3, 1))
    picture.putpalette([10, 20, 30, 200, 100, 0, 0, 0, 0])
    picture.putdata([0, 1, 2])
    path = save(picture, tmp_path / "a.png", transparency=bytes([255, 0, 51]))
    np.testing.assert_array_equal(
        levels(images.read(path))[0], [[10, 20, 30], [255] * 3, [204] * 3]
    )


def test_palette_with_one_transparent_color(tmp_path):
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 0])
    picture.putdata([0, 1])
    path = save(picture, tmp_path / "a.gif", transparency=1)
    np.testing.assert_array_equal(
        levels(images.read(path))[0], [[10, 20, 30], [255] * 3]
    )


def test_cmyk_jpeg(tmp_path):
    colors = np.zeros((16, 16, 3), np.uint8) + np.array([200, 60, 20], np.uint8)
    cmyk = Image.fromarray(colors).convert("CMYK")
    image = images.read(save(cmyk, tmp_path / "a.jpg", quality=95))
    assert np.abs(levels(image).astype(int) - colors).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_photographs_upright(tmp_path, photo, orientation):
    undo = {  # how a camera that needs this tag has stored the picture
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: np.rot90(x, 1),
        7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
        8: lambda x: np.rot90(x, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(undo[orientation](photo))
    path = save(Image.fromarray(stored), tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(levels(images.read(path)), photo)


def test_one_pixel(tmp_path):
    path = save(Image.new("RGB", (1, 1), (255, 0, 51)), tmp_path / "a.png")
    image = images.fit(images.read(path), 8)
    assert image.shape == (8, 8, 3)
    np.testing.assert_array_equal(
        levels(image), np.broadcast_to(np.array([255, 0, 51], np.uint8), (8, 8, 3))
    )


def test_twenty_megapixels(tmp_path):
    picture = Image.new("L", (5184, 3888), 128)
    image = images.fit(images.decode(save(picture, tmp_path / "a.jpg")), 64)
    np.testing.assert_array_equal(levels(image), np.full((64, 64, 3), 128))


@pytest.mark.parametrize("side", [9_000, 14_000])
def test_decompression_bombs_are_refused(tmp_path, side):
    path = save(Image.new("1", (side, side)), tmp_path / "bomb.png")
    assert path.stat().st_size < 200_000
    with pytest.raises(images.PictureError, match="bomb.png.*smaller than 80 mega"):
        images.read(path)


def test_every_truncation_is_refused_or_read(tmp_path, photo):
    whole = save(Image.fromarray(photo), tmp_path / "whole.png").read_bytes()
    path = tmp_path / "part.png"
    refused = []
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        try:
            assert images.read(path).shape == (12, 20, 3)
        except images.PictureError as error:
            refused.append((error.path, bool(error.reason), bool(error.remedy)))
    assert set(refused) == {(str(path), True, True)}
    assert len(refused) >= len(whole) // 7 * 0.8


def test_truncated_jpeg(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    path = save(Image.fromarray(noise), tmp_path / "a.jpg")
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(images.PictureError, match="a.jpg.*truncated.*whole copy"):
        images.read(path)


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bytes_never_escape(tmp_path, photo, seed):
    rng = np.random.default_rng(seed)
    path = tmp_path / "a"
    for kind in ("png", "jpeg", "gif", "webp", "tiff", "bmp"):
        Image.fromarray(photo).save(path, kind)
        content = np.frombuffer(path.read_bytes(), np.uint8).copy()
        for _ in range(20):
            damaged = content.copy()
            damaged[rng.integers(0, len(content), 3)] = rng.integers(0, 256, 3)
            path.write_bytes(damaged.tobytes())
            try:
                image = images.read(path)
                assert image.ndim == 3
                assert image.shape[-1] == 3
            except images.PictureError:
                pass


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"hello", "not a picture"), (b"%!PS-Adobe-3.0\n", "not a pict")],
)
def test_no_picture(tmp_path, content, reason):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(images.PictureError, match=f"a.png.*{reason}.*save it as PNG"):
        images.read(path)


def test_missing_and_directory(tmp_path):
    with pytest.raises(images.PictureError, match="no such file"):
        images.read(tmp_path / "a.png")
    with pytest.raises(images.PictureError, match="a directory"):
        images.read(tmp_path)


def test_float_values_are_refused(tmp_path):
    path = save(Image.fromarray(np.zeros((2, 2), np.float32)), tmp_path / "a.tif")
    with pytest.raises(images.PictureError, match="float values"):
        images.read(path)


def test_fit_crops_the_center_as_the_nvidia_projector_does(photo):
    picture = Image.fromarray(photo)
    side = min(picture.size)
    box = ((20 - side) // 2, 0, (20 + side) // 2, side)
    expected = picture.crop(box).resize((8, 8), Image.Resampling.LANCZOS)
    fitted = images.fit(images.from_uint8(photo), 8)
    np.testing.assert_array_equal(levels(fitted), np.asarray(expected))
    assert fitted.dtype == np.float32


def test_fit_takes_eight_bits(photo):
    for size in (8, 12):
        expected = images.fit(images.from_uint8(photo), size)
        np.testing.assert_array_equal(images.fit(photo, size), expected)


def test_fit_without_crop_keeps_the_whole_picture(photo):
    expected = Image.fromarray(photo).resize((8, 8), Image.Resampling.LANCZOS)
    fitted = images.fit(images.from_uint8(photo), 8, crop="none")
    np.testing.assert_array_equal(levels(fitted), np.asarray(expected))


def test_fit_leaves_a_fitting_picture_alone():
    image = np.random.default_rng(0).uniform(-1, 1, (8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(images.fit(image, 8), image)


def test_fit_errors():
    image = np.zeros((4, 4, 3), np.float32)
    with pytest.raises(ValueError, match="'center' or 'none', got 'top'"):
        images.fit(image, 8, crop="top")
    with pytest.raises(ValueError, match="must be positive, got 0"):
        images.fit(image, 0)
    with pytest.raises(ValueError, match=r"\[H, W, 3\], got image.shape=\(4, 4\)"):
        images.fit(image[..., 0], 8)


def test_write(tmp_path, photo):
    images.write(tmp_path / "a.png", images.from_uint8(photo))
    images.write(tmp_path / "b.PNG", photo)
    for name in ("a.png", "b.PNG"):
        np.testing.assert_array_equal(levels(images.read(tmp_path / name)), photo)
    images.write(tmp_path / "c.jpg", photo)
    assert (tmp_path / "c.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    with pytest.raises(ValueError, match="no picture format; use .png"):
        images.write(tmp_path / "a.xyz", photo)
    with pytest.raises(files.WriteError, match="'.*a.png'"):
        images.write(tmp_path / "missing" / "a.png", photo)
    assert sorted(os.listdir(tmp_path)) == ["a.png", "b.PNG", "c.jpg"]


def test_find(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", ".hidden.png", "deep/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")

    def names(where):
        return [str(p.relative_to(tmp_path)) for p in images.find(where)]

    assert names(tmp_path) == ["a.JPG", "b.png"]
    assert names(tmp_path / "notes.txt") == ["notes.txt"]
    assert names(f"{tmp_path}/*.png") == ["b.png"]
    assert names(f"{tmp_path}/**/*.png") == ["b.png", "deep/c.png"]
    with pytest.raises(ValueError, match="No pictures in .*nothing"):
        images.find(f"{tmp_path}/nothing*")


def test_find_takes_names_with_brackets_literally(tmp_path):
    (tmp_path / "a[1].png").write_bytes(b"")
    assert images.find(tmp_path / "a[1].png") == [tmp_path / "a[1].png"]


def test_sixteen_bit_gray_with_a_transparent_value(tmp_path):
    gray = np.array([[0, 20_000], [40_000, 20_000]], np.uint16)
    path = tmp_path / "a.png"
    Image.fromarray(gray).save(path, transparency=20_000)
    image = images.read(path)[..., 0]
    np.testing.assert_allclose(image, [[-1, 1], [40_000 / 32767.5 - 1, 1]], atol=1e-6)


def _profile(primaries):
    """A matrix profile with the given red, green and blue columns, gamma 2.2."""
    name = b"wide\0"
    curve = b"curv" + bytes(4) + (1).to_bytes(4, "big") + (0x0233).to_bytes(2, "big")

    def xyz(values):
        words = b"".join(round(v * 65536).to_bytes(4, "big") for v in values)
        return b"XYZ " + bytes(4) + words

    text = b"desc" + bytes(4) + len(name).to_bytes(4, "big") + name + bytes(79)
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"none\0"}
    tags[b"wtpt"] = xyz((0.9642, 1.0, 0.8249))
    for tag, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True):
        tags[tag] = xyz(values)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve + bytes(2))
    table, body = b"", b""
    offset = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        content += bytes(-len(content) % 4)
        place, size = (offset + len(body)), len(content)
        table += tag + place.to_bytes(4, "big") + size.to_bytes(4, "big")
        body += content
    total = offset + len(body)
    head = total.to_bytes(4, "big") + b"lcms" + (0x02400000).to_bytes(4, "big")
    head += b"mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    head += b"".join(round(v * 65536).to_bytes(4, "big") for v in (0.9642, 1, 0.8249))
    head += bytes(128 - len(head))
    return head + len(tags).to_bytes(4, "big") + table + body


# Of Adobe RGB (1998), adapted to D50.
_ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087))
_ADOBE += ((0.14919, 0.06322, 0.74457),)


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "P"])
def test_color_profiles_become_srgb(tmp_path, kind):
    profile = _profile(_ADOBE)
    picture = Image.new("RGB", (4, 4), (200, 60, 60))
    picture = picture.quantize(2) if kind == "P" else picture.convert(kind)
    path = tmp_path / "a.png"
    picture.save(path, icc_profile=profile)
    red, green, blue = levels(images.read(path))[0, 0].astype(int)
    # Adobe RGB (200, 60, 60) is a redder (231, 57, 57) or so in sRGB.
    assert abs(red - 231) <= 3
    assert abs(green - 57) <= 4
    assert abs(blue - 57) <= 4


def test_a_damaged_profile_is_ignored(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), (200, 60, 60)).save(path, icc_profile=b"garbage")
    np.testing.assert_array_equal(levels(images.read(path))[0, 0], (200, 60, 60))


def test_an_srgb_profile_changes_nothing(tmp_path, photo):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = tmp_path / "a.png"
    Image.fromarray(photo).save(path, icc_profile=srgb)
    np.testing.assert_array_equal(levels(images.read(path)), photo)


def test_heic(tmp_path, photo, monkeypatch):
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "a.heic"
    pillow_heif.from_pillow(Image.fromarray(photo)).save(path, quality=100)
    image = levels(images.read(path)).astype(int)
    assert np.abs(image - photo).mean() < 40  # noise, and chroma is halved
    monkeypatch.setattr(images, "_register_heif", lambda: False)
    monkeypatch.setattr(images, "_FORMATS", ("PNG",))
    with pytest.raises(images.PictureError, match=r"need the `heif` extra; pip inst"):
        images.read(path)


def test_a_pipe_is_refused_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(images.PictureError, match="pipe or device; name a file"):
        images.read(tmp_path / "a.png")
