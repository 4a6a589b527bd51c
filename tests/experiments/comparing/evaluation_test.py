import json
import os
import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from experiments.comparing import evaluation, evaluation_report
from jax_encoder.io import images
from jax_encoder.io.folders import look
from jax_encoder.metrics import path_length
from jax_encoder.nn import lpips, stylegan2

SIDE = 16


@pytest.fixture(scope="module")
def network():
    config = lpips.LPIPSConfig(channels=((4,), (4,)), preprocessing="none")
    return lpips.LPIPS(config, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def generator():
    config = stylegan2.StyleGAN2Config(
        resolution=SIDE, z_dim=4, w_dim=4, channels=(4, 4, 4), num_mapping_layers=1
    )
    return stylegan2.StyleGAN2Generator(config, rngs=nnx.Rngs(0))


@pytest.fixture
def folders(tmp_path):
    """References, and pictures that are the noisier the later their name."""
    rng = np.random.default_rng(0)
    for folder in ("found", "references"):
        (tmp_path / folder).mkdir()
    for k in range(5):
        image = rng.uniform(-0.5, 0.5, (SIDE, SIDE, 3)).astype(np.float32)
        noise = rng.uniform(-0.1, 0.1, image.shape).astype(np.float32)
        images.write(tmp_path / "references" / f"face{k}.png", image)
        images.write(tmp_path / "found" / f"face{k}.png", image + k * noise)
    images.write(tmp_path / "found" / "other.png", image)
    return tmp_path


def _options(folders, **options):
    where = {name: str(folders / name) for name in ("found", "references")}
    return evaluation.EvaluationOptions(
        images=where["found"], references=where["references"], batch_size=2, **options
    )


def test_pairs_and_sets(folders, network):
    (folders / "found" / "face2.png").write_bytes(b"no picture")
    report = evaluation.run(_options(folders), {"lpips": network})
    names = ["face0", "face1", "face3", "face4"]
    assert [row["name"] for row in report.rows] == names
    assert list(report.failures) == [str(folders / "found" / "face2.png")]
    assert report.notes == ["1 pictures have no reference of their name"]
    measures = report.measures()
    assert np.isposinf(measures["psnr"][0])
    assert measures["lpips"][0] == 0
    assert (np.diff(measures["ssim"]) < 0).all()
    found, target = (images.read(path) for path in report.matches[-1][1:])
    mse = np.square(found - target).mean()
    np.testing.assert_allclose(measures["mse"][-1], mse, rtol=1e-5)
    assert set(report.sets) >= {"frechet_distance", "kernel_distance", "precision"}
    assert report.about["num"] == {"references": 5, "pictures": 5}
    output = folders / "out"
    evaluation_report.write(output, report)
    written = json.loads((output / "evaluation.json").read_text())
    assert written["resolution"] == SIDE
    assert written["pairs"][0]["psnr"] is None
    assert written["num_failed"] == 1
    assert len((output / "pairs.csv").read_text().splitlines()) == 5
    text = (output / "evaluation.txt").read_text()
    assert "face4" in text
    assert "not a picture" in text
    for name in ("histogram_psnr", "histogram_lpips", "worst_and_best", "sets"):
        assert images.read(output / f"{name}.png").ndim == 3


def test_a_folder_and_itself_are_equal_sets(folders, network):
    options = _options(folders)
    same = evaluation.EvaluationOptions(
        images=options.references, references=options.references, batch_size=3
    )
    report = evaluation.run(same, {"lpips": network})
    assert report.sets["frechet_distance"] < 1e-6
    assert report.sets["precision"] == report.sets["recall"] == 1
    assert np.isposinf(report.measures()["psnr"]).all()


def test_a_generator(folders, network, generator):
    path = path_length.PathLengthConfig(epsilon=1e-2)
    options = evaluation.EvaluationOptions(
        references=str(folders / "references"),
        num_samples=5,
        num_paths=3,
        batch_size=2,
        path=path,
    )
    report = evaluation.run(options, {"lpips": network}, generator)
    assert report.about["num"] == {"references": 5, "pictures": 5}
    assert report.lengths is not None
    assert report.lengths.shape == (3,)
    assert "path length" in evaluation_report.table(report)
    again = evaluation.run(options, {"lpips": network}, generator)
    assert again.sets == report.sets
    evaluation_report.write(folders / "out", report)
    assert (folders / "out" / "histogram_path_length.png").exists()


def test_samples_do_not_depend_on_their_number_and_are_8_bit(generator):
    options = {"seed": 3, "psi": 0.5, "batch_size": 2}
    many = np.concatenate(list(evaluation.samples(generator, 5, **options)))
    few = np.concatenate(list(evaluation.samples(generator, 3, **options)))
    assert len(many) == 5
    np.testing.assert_array_equal(many[:3], few)
    np.testing.assert_array_equal(images.from_uint8(images.to_uint8(many)), many)


class _Identity(nnx.Module):
    def embed(self, images):
        return jnp.mean(images, axis=(1, 2))


def test_without_a_perceptual_network_the_rest_is_measured(folders):
    report = evaluation.run(_options(folders), {"identity": _Identity()})
    assert "lpips" not in report.measures()
    assert report.measures()["identity"].max() <= 1 + 1e-6
    assert any("--lpips" in note for note in report.notes)


def test_what_cannot_be_measured_is_refused(folders, generator):
    options = _options(folders, compare_sets=False)
    for path in (folders / "references").iterdir():
        path.rename(path.with_name(f"x{path.name}"))
    with pytest.raises(ValueError, match="same name"):
        evaluation.run(options, {})
    with pytest.raises(ValueError, match="--lpips"):
        evaluation.run(_options(folders), {})
    options = evaluation.EvaluationOptions(resolution=8, num_paths=1)
    with pytest.raises(ValueError, match="16 pixels"):
        evaluation.run(options, {}, generator)


def test_the_binary(folders):
    def call(*arguments):
        command = [sys.executable, "-m", "experiments.evaluate", *arguments]
        environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": ""}
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, check=False
        )
        return done.returncode, done.stdout, done.stderr

    output = f"--output_dir={folders / 'out'}"
    found = f"--images={folders / 'found'}"
    code, _, error = call(output, found, f"--references={folders / 'none'}")
    assert code == 2
    assert "No pictures" in error
    code, text, _ = call(
        output, found, f"--references={folders / 'references'}", "--lpips="
    )
    assert code == 0
    assert text.startswith("Measured at 16x16 pixels.\n\n5 pairs")
    assert (folders / "out" / "evaluation.json").exists()


@pytest.mark.parametrize("name", ["aaa", "zzz"])
def test_the_order_of_names_decides_nothing(folders, network, name):
    small = np.zeros((8, 8, 3), np.float32)
    images.write(folders / "references" / f"{name}.png", small)
    report = evaluation.run(_options(folders), {"lpips": network})
    assert report.about["resolution"] == SIDE  # what most references have
    assert report.about["num_resized"] == 1
    table = evaluation_report.table(report)
    assert f"{SIDE}x{SIDE} pixels; 1 pictures were resized" in table
    evaluation_report.write(folders / "out", report)
    written = json.loads((folders / "out" / "evaluation.json").read_text())
    assert written["num_resized"] == 1


def test_the_most_common_side(tmp_path):
    for k, size in enumerate([(8, 8), (8, 20), (16, 16), (30, 16), (4, 4)]):
        images.write(tmp_path / f"{k}.png", np.zeros((*size, 3), np.float32))
    (tmp_path / "bad.png").write_bytes(b"x")
    paths = images.find(tmp_path)
    assert evaluation.most_common_side(paths) == 16  # as often as 8, and larger
    assert evaluation.most_common_side(paths[:2]) == 8
    with pytest.raises(ValueError, match="None of the 1 pictures can be read"):
        evaluation.most_common_side([tmp_path / "bad.png"])


def _pairs(tmp_path, found, references):
    for folder, names in (("f", found), ("r", references)):
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            images.write(path, np.zeros((4, 4, 3), np.float32))
    listings = [look(f"{tmp_path}/{folder}/**/*.*") for folder in "fr"]
    return {
        str(a.relative_to(tmp_path / "f")): str(b.relative_to(tmp_path / "r"))
        for _, a, b in evaluation.pair(*listings)
    }


def test_pairs_are_of_the_same_file_name_first(tmp_path):
    pairs = _pairs(tmp_path, ["a.png", "b.png"], ["a.png", "a.webp", "b.jpg", "c.png"])
    assert pairs == {"a.png": "a.png", "b.png": "b.jpg"}


def test_an_ambiguous_reference_is_no_pair(tmp_path):
    assert _pairs(tmp_path, ["a.png", "b.png"], ["a.jpg", "a.webp", "b.png"]) == {
        "b.png": "b.png"
    }


def test_accents_and_sub_folders_pair(tmp_path):
    found = ["é.png", "x/0.png", "y/0.png"]
    references = ["e\u0301.png", "x/0.jpg", "y/0.png"]
    assert _pairs(tmp_path, found, references) == dict(
        zip(found, references, strict=True)
    )


def test_results_of_clashing_pictures_find_their_references(tmp_path):
    pairs = _pairs(tmp_path, ["a_png.png", "a_webp.png"], ["a.png", "a.webp"])
    assert pairs == {"a_png.png": "a.png", "a_webp.png": "a.webp"}


def test_our_own_reports_are_left_out_and_counted(folders, network):
    plain = evaluation.run(_options(folders), {"lpips": network})
    sheet = np.zeros((64, 64, 3), np.float32)
    for name in ("contact_sheet", "loss_curves"):
        path = folders / "found" / f"{name}.png"
        images.write(path, sheet, is_report=True)
    report = evaluation.run(_options(folders), {"lpips": network})
    assert report.sets == plain.sets
    assert "left out: 2 a report or film of this package" in report.notes[0]


def test_names_of_every_kind_are_evaluated(folders, network):
    for folder in ("found", "references"):
        for name in (b"x\xff.png", b"a$\\frac$.png", b"_one.png"):
            target = os.fsencode(folders / folder) + b"/" + name
            os.rename(folders / folder / f"face{len(name) % 5}.png", target)
    bad = os.fsencode(folders / "found") + b"/bad\xff.png"
    with open(bad, "wb") as file:
        file.write(b"no picture")
    report = evaluation.run(_options(folders), {"lpips": network})
    evaluation_report.write(folders / "out", report)
    text = (folders / "out" / "evaluation.txt").read_text("utf-8")
    assert "bad%FF.png" in text
    written = json.loads((folders / "out" / "evaluation.json").read_text())
    assert "x%FF" in [row["name"] for row in written["pairs"]]
