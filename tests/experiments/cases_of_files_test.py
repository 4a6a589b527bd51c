"""Damaged, unusual and foreign files that once failed, as a new user would meet them.

JAX_ENCODER_TELL=told pytest -m "slow or not slow" tests/experiments/cases*_test.py

writes what is printed; `cases_test.py` walks the other cases.
"""

import dataclasses
import shutil

import jax
import numpy as np
import pytest

import converters
from converters.formats import kinds, persistence, unsupported
from converters.readers import contents
from converters.writers import export, torch_writer
from jax_encoder import io
from jax_encoder.editing import boundaries
from jax_encoder.latents import statistics
from jax_encoder.nn import stylegan2
from tests.experiments import several, tiny
from tests.golden import layouts, recipe


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Bundles and four pictures "a" to "d"."""
    root = tmp_path_factory.mktemp("cases")
    tiny.save(root)
    tiny.write_pictures(root / "photos", "abcd")
    return root


def _write(path, tree):
    with open(path, "wb") as file:
        torch_writer.write(file, tree)
    return path


def _array(leaf):
    return np.array(leaf) if isinstance(leaf, np.ndarray | np.generic) else leaf


# K6. Damaged caches and journals.


def _encode(place, *calls):
    common = [f"--generator={place}/generator", f"--lpips={place}/lpips"]
    common += ["--iterations=4", "--batch_size=2", "--chunk=1", "--preset=ii2s"]
    common += [f"--images={place}/photos"]
    return several.call("encode_image", [[*common, *map(str, c)] for c in calls], place)


@pytest.fixture(scope="module")
def damaged(place):
    """Runs whose caches, journals and companions were damaged in between."""
    outputs = ["plain", "list", "settings", "batch", "program"]
    first = _encode(place, *[[f"--output_dir={place}/{name}"] for name in outputs])
    assert [code for code, _, _ in first] == [0] * len(outputs), first
    cache = place / "cache" / "jax_encoder"
    for path in cache.glob("statistics/*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    for path in cache.glob("programs/**/*-cache"):
        path.write_bytes(path.read_bytes()[:50])
    journal = place / "list" / ".resume" / "pictures.jsonl"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([*lines[:-1], "garbage", ""]))
    (place / "list" / ".resume" / "batch.npz").write_bytes(b"garbage")
    journal = place / "settings" / ".resume" / "pictures.jsonl"
    journal.write_text("garbage\n" + journal.read_text())
    other = tiny.make(
        stylegan2.StyleGAN2Generator,
        dataclasses.replace(tiny.GENERATOR, z_dim=4, w_dim=4),
        2,
    )
    shutil.copytree(place / "generator", place / "unfit")
    found = statistics.estimate(other, num_samples=64, with_p=True)
    statistics.save(found, place / "unfit" / "statistics.npz")
    calls = {
        "statistics": [f"--output_dir={place}/again"],
        "list": [f"--output_dir={place}/list", "--resume"],
        "settings": [f"--output_dir={place}/settings", "--resume"],
        "unfit": [f"--output_dir={place}/x", f"--generator={place}/unfit"],
    }
    return dict(zip(calls, _encode(place, *calls.values()), strict=True))


def _codes(folder):
    return {path.name: np.load(path) for path in sorted(folder.glob("*.npy"))}


@pytest.mark.slow
def test_k6_what_is_damaged_is_said_and_made_again(place, damaged):
    wanted = _codes(place / "plain")
    assert len(wanted) == 4
    for name, folder in (("statistics", "again"), ("list",) * 2, ("settings",) * 2):
        code, _, error = damaged[name]
        assert code == 0, damaged[name]
        for file, values in _codes(place / folder).items():
            np.testing.assert_array_equal(values, wanted[file])
        assert "allow_pickle" not in error
        assert "Traceback" not in error
    assert "made again" in damaged["statistics"][2]
    assert "1 lines of" in damaged["list"][2]
    assert "the run begins anew" in damaged["settings"][2]
    again = (place / "cache" / "jax_encoder").glob("programs/**/*-cache")
    assert all(path.stat().st_size > 50 for path in again)


@pytest.mark.slow
def test_k6_statistics_of_another_generator_are_named(damaged):
    code, _, error = damaged["unfit"]
    assert code in (0, 1, 2)
    assert "statistics.npz" in error
    assert "broadcasting" not in error


# K2. Scores that tell nothing.


@pytest.mark.parametrize(
    "scores",
    [np.zeros(200), np.repeat([0, np.nan], 100), np.full(200, np.inf)],
    ids=["equal", "half NaN", "infinite"],
)
def test_k2_no_boundary_of_scores_that_tell_nothing(scores, place):
    codes = np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32)
    with pytest.raises(ValueError, match=r"infinite|tell nothing apart") as error:
        boundaries.train_boundary(codes, scores)
    several.tell("train_boundary", place, "refused", str(error.value))


# K9. What the loader accepts and nothing downstream can use.


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 4])
def test_k9_gray_and_rgba_generators_in_the_binaries(place, channels):
    config = dataclasses.replace(tiny.GENERATOR, image_channels=channels)
    bundle = place / f"channels{channels}"
    io.save(tiny.make(stylegan2.StyleGAN2Generator, config, 0), bundle)
    drawn, inverted = place / f"drawn{channels}", place / f"inverted{channels}"
    ((code, _, error),) = several.call(
        "generate",
        [[f"--generator={bundle}", "--seeds=0-3", f"--output_dir={drawn}"]],
        place,
    )
    assert code == 0, error
    arguments = [f"--generator={bundle}", f"--lpips={place}/lpips", "--iterations=4"]
    arguments += [f"--images={drawn}", f"--output_dir={inverted}"]
    ((code, text, error),) = several.call("encode_image", [arguments], place)
    assert code == 0, error
    assert "4 of 4 pictures inverted" in text
    arguments = [f"--images={inverted}", f"--references={drawn}"]
    arguments += [f"--lpips={place}/lpips", f"--output_dir={place}/e{channels}"]
    ((code, _, error),) = several.call("evaluate", [arguments], place)
    assert code == 0, error


@pytest.mark.slow
def test_k9_heads_alone_are_refused_with_the_remedy(place, golden_path):
    heads = golden_path / "net_lpips/lpips_lin_alex.pth"
    arguments = [f"--images={place}/photos", f"--lpips={heads}"]
    arguments += [f"--generator={place}/generator", f"--output_dir={place}/h"]
    ((code, _, error),) = several.call("encode_image", [arguments], place)
    assert code in (1, 2)
    assert "join a trunk with its heads" in error


# K10 and K11. What a file is, and what it lacks.


def _known_layouts(golden):
    """Every layout of K11 that is supported, as the tree of a file."""
    rosinality = contents.read(golden / "sg2_rosinality_r32/checkpoint.pt").tree
    g, avg = dict(rosinality["g_ema"]), rosinality["latent_avg"]
    nvidia = contents.read(golden / "sg2ada_skip_r32/network.pkl").tree["G_ema"]
    state = persistence.state_dict(nvidia)
    third = contents.read(golden / "sg3_t_r32/network.pkl").tree["G_ema"]
    synthesis = {
        name.removeprefix("synthesis."): value
        for name, value in state.items()
        if name.startswith("synthesis.")
    }
    w_encoder = {f"encoder.{k}": v for k, v in layouts.w_encoder().items()}
    pyramid = {f"encoder.{k}": v for k, v in layouts.resnet_pyramid().items()}
    heads = contents.read(golden / "net_lpips/lpips_lin_alex.pth").tree
    trunk = recipe.state_dict(golden / "net_lpips", "alex_trunk")
    slices = {0: 1, 3: 2, 6: 3, 8: 4, 10: 5}
    whole = dict(heads)
    for name, value in trunk.items():
        if name.startswith("features"):
            rest = name.removeprefix("features.")
            whole[f"net.slice{slices[int(rest.split('.')[0])]}.{rest}"] = value
    latent = recipe.state_dict(golden / "net_image_to_latent", "image_to_latent")
    module = {f"module.{name}": value for name, value in g.items()}
    ddp = {f"module.{name}": value for name, value in state.items()}
    options = {"encoder_type": "ResNetGradualStyleEncoder"}
    return {
        "state_dict: G": {"state_dict": g, "latent_avg": avg},
        "generator: G": {"generator": g, "latent_avg": avg},
        "params_ema: G": {"params_ema": g, "latent_avg": avg},
        "models: G": {"models": {"g_ema": g}, "latent_avg": avg},
        "model: image_to_latent": {"model": latent},
        "G_ema: state dict": {"G_ema": state},
        "G.synthesis alone": synthesis,
        "SG3 state dict": persistence.state_dict(third),
        "module. bare": module,
        "module. inside g_ema": {"g_ema": module, "latent_avg": avg},
        "NVIDIA DDP": ddp,
        "W encoder": {"state_dict": w_encoder},
        "encoder state dict alone": layouts.w_encoder(),
        "unknown encoder, decoder": {
            "state_dict": {f"decoder.{k}": v for k, v in g.items()}
            | {"encoder.odd.weight": np.ones((2, 2), np.float32)},
            "latent_avg": avg,
        },
        "ResNetGradualStyleEncoder": {"state_dict": pyramid, "opts": options},
        "whole LPIPS": whole,
        "vgg16_bn": layouts.vgg_bn(),
        "genforce StyleGAN1": layouts.genforce_stylegan1(),
        "genforce StyleGAN2": layouts.genforce_stylegan2(),
        "idinvert generator": layouts.idinvert_generator(),
        "idinvert encoder": layouts.idinvert_encoder(),
    }


def test_k11_the_first_line_names_the_network_of_every_layout(golden, place):
    for name, tree in _known_layouts(golden).items():
        finding = kinds.find(tree)
        assert finding.kinds, name
        path = _write(place / "x.pt", jax.tree.map(_array, tree))
        line = str(converters.inspect(path)).splitlines()[0]
        assert "not recognized" not in line
        assert finding.kinds[0].description in line, name
        several.tell(f"inspect {name}", place, 0, line)


def test_k11_known_layouts_that_are_not_supported(place):
    for layout in unsupported.LAYOUTS:
        for entries in layout.entries[:1]:
            tree = {name: np.ones((2, 2), np.float32) for name in entries}
            path = _write(place / "x.pt", tree)
            lines = str(converters.inspect(path)).splitlines()
            assert f"{layout.name} (known, not supported)" in lines[0]
            assert layout.remedy in lines[1]
            several.tell(f"inspect {layout.name}", place, 0, "\n".join(lines[:2]))


# K12. Numbers that differ.


@pytest.mark.slow
def test_k12_a_seed_alone_and_among_others(place):
    common = [f"--generator={place}/generator"]
    calls = [
        [*common, "--seeds=3", f"--output_dir={place}/alone"],
        [*common, "--seeds=0-8", f"--output_dir={place}/among"],
    ]
    for code, _, error in several.call("generate", calls, place):
        assert code == 0, error
    alone, among = (
        next((place / name).glob("*0003*.png")).read_bytes()
        for name in ("alone", "among")
    )
    assert alone == among


def test_k12_exports_say_what_the_class_cannot_have(place):
    config = dataclasses.replace(tiny.GENERATOR, num_mapping_layers=8)
    generator = tiny.make(stylegan2.StyleGAN2Generator, config, 0)
    with pytest.warns(UserWarning, match="cannot have the channels") as told:
        export.rosinality_state(generator)
    several.tell("export", place, 0, str(told[0].message))
