"""StyleGAN2 checkpoints against the reference implementations, stage by stage.

Latents, truncation, features of every block, images and discriminator logits. Eagerly
every case runs by itself, with the noise modes by name; compiled, all cases of a
fixture are one batch with one map per picture, so that a fixture costs one program.
"""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import converters
from jax_encoder.latents import styles

TOLERANCE = 1e-4
NVIDIA = (
    "sg2ada_skip_r32",
    "sg2ada_skip_cond_r64_nhwc",
    "sg2ada_resnet_cond_r16",
    "sg3code_sg2_r32",
    "sg2_tf_r32",
)
ROSINALITY = ("sg2_rosinality_r32", "sg2_rosinality_r64_train")
# Every shape costs an eager run some seconds; one fixture of each kind will do.
EAGER = ("sg2ada_skip_r32", "sg2_rosinality_r32")


def as_written_and_compiled(*names, marks=()):
    """Parametrizes `name` and `variant`: all compiled, those of `EAGER` eagerly too."""
    cases = [pytest.param(name, "jit") for name in names]
    cases += [pytest.param(n, "eager", marks=marks) for n in names if n in EAGER]
    return pytest.mark.parametrize(("name", "variant"), cases, indirect=["variant"])


def read(golden, name):
    folder = golden / name
    checkpoint = json.loads((folder / "meta.json").read_text())["checkpoint"]
    with np.load(folder / "io.npz") as arrays:
        return folder / checkpoint, dict(arrays)


def check(got, reference, what):
    """Compares with `max |got - reference| <= 1e-4 max |reference|`."""
    got, reference = np.asarray(got), np.asarray(reference)
    assert got.shape == reference.shape, what
    error = np.max(np.abs(got - reference)) / np.max(np.abs(reference))
    assert error <= TOLERANCE, (what, error)


def check_image(got, reference, what):
    """Some references keep every second row and column."""
    got = np.transpose(got, (0, 3, 1, 2))
    step = got.shape[-1] // reference.shape[-1]
    check(got[..., ::step, ::step], reference, what)


def check_feature(got, reference, what):
    """The references keep the first sample and the first eight channels."""
    check_image(np.asarray(got)[:1, ..., :8], reference, what)


def noisy_layers(generator):
    """The layers with noise, coarse to fine."""
    for side in generator.config.resolutions:
        block = getattr(generator.synthesis, f"b{side}")
        if side > 4:
            yield block.conv0
        yield block.conv1


def maps(generator, noise, num):
    """A noise mode as one `[num, H, W]` map per layer."""
    planes = noise
    if isinstance(noise, str):
        gain = {"const": 1.0, "none": 0.0}[noise]
        planes = [gain * layer.noise_const[...] for layer in noisy_layers(generator)]
    return [jnp.broadcast_to(plane[None], (num, *plane.shape)) for plane in planes]


# Functions of the module, so that fixtures of one architecture share a program.


def stages(generator, ws, noise):
    return list(generator.synthesis.stages(ws, noise))


def apply(layer, x, w, noise):
    return layer(x, w, noise)


def judge(discriminator, images, labels):
    return discriminator(images, labels)


def render(generator, cases, variant):
    """Runs every case `(ws, noise)`: name -> features and images of all stages."""
    if variant is not jax.jit:
        return {name: stages(generator, *case) for name, case in cases.items()}
    num = len(next(iter(cases.values()))[0])
    noise = [maps(generator, noise, num) for _, noise in cases.values()]
    noise = [jnp.concatenate(planes) for planes in zip(*noise, strict=True)]
    ws = jnp.concatenate([ws for ws, _ in cases.values()])
    found = jax.jit(stages)(generator, ws, noise)
    return {
        name: [
            (side, x[k * num :], None if image is None else image[k * num :][:num])
            for side, x, image in found
        ]
        for k, name in enumerate(cases)
    }


@as_written_and_compiled(*NVIDIA)
def test_nvidia_generators(golden, variant, name):
    path, io = read(golden, name)
    generator = converters.load(path)
    config = generator.config
    assert config.w_avg_source == "file"
    w = generator.mapping(io["z"], io.get("c"))
    ws, w_avg = styles.broadcast(w, config.num_ws), generator.w_avg[...]
    cut = styles.truncate(ws, w_avg, 0.7, int(io["truncation_cutoff"]))
    check(ws, io["ws"], "ws")
    check(styles.truncate(ws, w_avg, 0.7), io["ws_psi07"], "psi 0.7")
    check(cut, io["ws_psi07_cut"], "psi 0.7 with a cutoff")
    check(styles.truncate(ws, w_avg, -0.5), io["ws_psi_neg"], "psi -0.5")

    layers = ["b4.conv1"]
    layers += [f"b{r}.conv{k}" for r in config.resolutions[1:] for k in (0, 1)]
    given = [jnp.asarray(io[f"noise/{layer}.noise_const"]) for layer in layers]
    cases = {
        "img_const": (ws, "const"),
        "img_psi07_const": (cut, "const"),
        "img_ws_plus_const": (jnp.asarray(io["ws_plus"]), "const"),
        "img_none": (ws, "none"),
        "img_given_noise": (ws, given),
    }
    found = render(generator, cases, variant)
    for case, blocks in found.items():
        check_image(blocks[-1][-1], io[case], case)
    for side, x, image in found["img_const"]:
        check_feature(x, io[f"feat/b{side}.x"], f"b{side}.x")
        if image is not None:
            check_feature(image, io[f"feat/b{side}.img"], f"b{side}.img")


@as_written_and_compiled(*ROSINALITY)
def test_rosinality_generators(golden, variant, name):
    path, io = read(golden, name)
    generator = converters.load(path)
    config = generator.config
    rows = [
        styles.broadcast(generator.mapping(io[key]), config.num_ws)
        for key in ("z", "z_mix")
    ]
    truncated = styles.truncate(rows[0], io["latent_avg"], 0.7)
    mixed = styles.mix(*rows, int(io["mix_inject_index"]))
    check(rows[0][:, 0], io["w"], "w")
    check(rows[0], io["latent"], "latent")
    check(truncated, io["latent_psi07"], "latent_psi07")
    check(mixed, io["latent_mix"], "latent_mix")

    given = [jnp.asarray(io[f"noise_{k}"][0, 0]) for k in range(config.num_ws - 1)]
    cases = {
        "img_given_noise": (rows[0], given),
        "img_from_w": (rows[0], given),
        "img_psi07": (truncated, given),
        "img_from_wplus": (jnp.asarray(io["wplus"]), given),
        "img_mix": (mixed, given),
        "img_buffer_noise": (rows[0], "const"),
        "img_zero_noise": (rows[0], "none"),
    }
    found = render(generator, cases, variant)
    for case, blocks in found.items():
        check_image(blocks[-1][-1], io[case], case)
    for index, (side, x, image) in enumerate(found["img_given_noise"]):
        last = "conv1" if index == 0 else f"convs.{2 * index - 1}"
        check_feature(x, io[f"feat/{last}"], last)
        rgb = "to_rgb1" if index == 0 else f"to_rgbs.{index - 1}"
        check_feature(image, io[f"feat/{rgb}"], rgb)
        if index:
            before = found["img_given_noise"][index - 1][1][: len(rows[0])]
            conv0 = getattr(generator.synthesis, f"b{side}").conv0
            y = variant(apply)(
                conv0, before, rows[0][:, 2 * index - 1], given[2 * index - 1]
            )
            check_feature(y, io[f"feat/convs.{2 * index - 2}"], f"b{side}.conv0")


# The eager runs compile operation by operation, for each of three batches.
@as_written_and_compiled(*NVIDIA, *ROSINALITY, marks=pytest.mark.slow)
def test_discriminators(golden, variant, name):
    path, io = read(golden, name)
    discriminator = converters.load(path, part="D")
    run = variant(judge)
    images = jnp.asarray(np.transpose(io["d_image"], (0, 2, 3, 1)))
    labels = io.get("d_c")
    check(run(discriminator, images, labels), io["d_logits"], "d_logits")
    first = None if labels is None else labels[:1]
    single = run(discriminator, images[:1], first)
    check(single, io["d_logits_single"], "d_logits_single")
    if "d_logits8" in io:
        images = jnp.asarray(np.transpose(io["d_image8"], (0, 2, 3, 1)))
        check(run(discriminator, images, None), io["d_logits8"], "d_logits8")


def test_the_parts_of_a_file_differ(golden):
    path, io = read(golden, "sg2_rosinality_r32")
    default = converters.load(path)
    averaged = converters.load(path, part="G_ema")
    plain = converters.load(path, part="G")
    kernel = averaged.synthesis.b4.conv1.weight[...]
    assert not np.array_equal(plain.synthesis.b4.conv1.weight[...], kernel)
    np.testing.assert_array_equal(default.synthesis.b4.conv1.weight[...], kernel)
    np.testing.assert_array_equal(default.w_avg[...], io["latent_avg"])
    with pytest.raises(converters.ConversionError, match="'G_ema', 'G', 'D'"):
        converters.load(path, part="augment_pipe")


def test_a_missing_mean_latent_is_estimated_and_said_so(golden):
    path, _ = read(golden, "sg2_rosinality_r64_train")
    generator = converters.load(path)
    assert generator.config.w_avg_source == "estimated"
    z = np.random.default_rng(7).standard_normal((10_000, generator.config.z_dim))
    w = generator.mapping(jnp.asarray(z, jnp.float32))
    error = jnp.max(jnp.abs(jnp.mean(w, axis=0) - generator.w_avg[...]))
    assert error < 0.1 * jnp.max(jnp.std(w, axis=0))
    again = converters.load(path)
    np.testing.assert_array_equal(again.w_avg[...], generator.w_avg[...])


def test_the_same_config_does_not_compile_twice(golden):
    path, io = read(golden, "sg2_rosinality_r32")
    traces = []

    @jax.jit
    def render_4(generator, ws):
        traces.append(1)
        return generator.synthesis(ws, resolution=4)

    first = render_4(converters.load(path), io["latent"])
    second = render_4(converters.load(path, part="G"), io["latent"])
    assert len(traces) == 1
    assert not np.allclose(first, second)
