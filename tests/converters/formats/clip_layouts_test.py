"""CLIP's image tower: both published layouts, and torch's own layers."""

import numpy as np
import pytest

import converters
from jax_encoder.io import bundles

WIDTH, LAYERS, PATCH, GRID, OUT = 128, 2, 4, 3, 12
SHAPES = {
    "conv1.weight": (WIDTH, 3, PATCH, PATCH),
    "class_embedding": (WIDTH,),
    "positional_embedding": (GRID**2 + 1, WIDTH),
    "proj": (WIDTH, OUT),
    **{f"ln_{k}.{x}": (WIDTH,) for k in ("pre", "post") for x in ("weight", "bias")},
    **{
        f"transformer.resblocks.{k}.{name}": shape
        for k in range(LAYERS)
        for name, shape in {
            "ln_1.weight": (WIDTH,),
            "ln_1.bias": (WIDTH,),
            "attn.in_proj_weight": (3 * WIDTH, WIDTH),
            "attn.in_proj_bias": (3 * WIDTH,),
            "attn.out_proj.weight": (WIDTH, WIDTH),
            "attn.out_proj.bias": (WIDTH,),
            "ln_2.weight": (WIDTH,),
            "ln_2.bias": (WIDTH,),
            "mlp.c_fc.weight": (4 * WIDTH, WIDTH),
            "mlp.c_fc.bias": (4 * WIDTH,),
            "mlp.c_proj.weight": (WIDTH, 4 * WIDTH),
            "mlp.c_proj.bias": (WIDTH,),
        }.items()
    },
}


@pytest.fixture(scope="module")
def state():
    """A small tower in OpenAI's layout, beside a piece of the text tower."""
    rng = np.random.default_rng(0)
    found = {
        f"visual.{name}": (rng.normal(size=shape) / WIDTH**0.5).astype(np.float32)
        for name, shape in SHAPES.items()
    }
    return {**found, "logit_scale": np.float32(4.6), "ln_final.weight": np.ones(8)}


def _transformers(state):
    """The same tower as transformers names it."""
    renamed = {
        "visual_projection.weight": state["visual.proj"].T,
        "vision_model.embeddings.position_ids": np.arange(GRID**2 + 1)[None],
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        "vision_model.embeddings.class_embedding": state["visual.class_embedding"],
        "vision_model.embeddings.position_embedding.weight": state[
            "visual.positional_embedding"
        ],
    }
    for place in ("weight", "bias"):
        for ours, theirs in (("ln_pre", "pre_layrnorm"), ("ln_post", "post_layernorm")):
            renamed[f"vision_model.{theirs}.{place}"] = state[f"visual.{ours}.{place}"]
        for k in range(LAYERS):
            old = f"visual.transformer.resblocks.{k}"
            new = f"vision_model.encoder.layers.{k}"
            parts = np.split(state[f"{old}.attn.in_proj_{place}"], 3)
            for letter, part in zip("qkv", parts, strict=True):
                renamed[f"{new}.self_attn.{letter}_proj.{place}"] = part
            for ours, theirs in {
                "attn.out_proj": "self_attn.out_proj",
                "ln_1": "layer_norm1",
                "ln_2": "layer_norm2",
                "mlp.c_fc": "mlp.fc1",
                "mlp.c_proj": "mlp.fc2",
            }.items():
                renamed[f"{new}.{theirs}.{place}"] = state[f"{old}.{ours}.{place}"]
    return renamed


def _reference(state, images):
    """The tower in plain NumPy, float64, patch by patch and head by head."""
    get = lambda name: np.asarray(state[f"visual.{name}"], np.float64)  # noqa: E731

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * get(f"{name}.weight") + get(f"{name}.bias")

    kernel = get("conv1.weight").reshape(WIDTH, -1)
    tokens = [get("class_embedding")]
    for row in range(GRID):
        for column in range(GRID):
            patch = images[row * PATCH :, column * PATCH :][:PATCH, :PATCH]
            tokens.append(kernel @ patch.transpose(2, 0, 1).ravel())
    x = norm(np.stack(tokens) + get("positional_embedding"), "ln_pre")
    for k in range(LAYERS):
        block = f"transformer.resblocks.{k}"
        inner = norm(x, f"{block}.ln_1") @ get(f"{block}.attn.in_proj_weight").T
        q, key, v = np.split(inner + get(f"{block}.attn.in_proj_bias"), 3, axis=1)
        heads = []
        for start in range(0, WIDTH, 64):
            part = slice(start, start + 64)
            weights = np.exp(q[:, part] @ key[:, part].T / 8)
            heads.append(weights / weights.sum(1, keepdims=True) @ v[:, part])
        mixed = np.concatenate(heads, 1) @ get(f"{block}.attn.out_proj.weight").T
        x = x + mixed + get(f"{block}.attn.out_proj.bias")
        hidden = norm(x, f"{block}.ln_2") @ get(f"{block}.mlp.c_fc.weight").T
        hidden = hidden + get(f"{block}.mlp.c_fc.bias")
        hidden = hidden / (1 + np.exp(-1.702 * hidden))
        x = x + hidden @ get(f"{block}.mlp.c_proj.weight").T
        x = x + get(f"{block}.mlp.c_proj.bias")
    return norm(x[0], "ln_post") @ get("proj")


@pytest.fixture(scope="module")
def tower(state):
    return converters.convert(state)


@pytest.fixture(scope="module")
def images():
    side = GRID * PATCH
    shape = (2, side, side, 3)
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def test_equals_the_formulas(tower, state, images):
    found = np.asarray(tower(images))
    for k in range(2):
        expected = _reference(state, images[k])
        np.testing.assert_allclose(found[k], expected, rtol=1e-4, atol=1e-5)


def test_both_layouts_give_the_same(tower, state, images):
    other = converters.convert(_transformers(state))
    assert other.config == tower.config
    np.testing.assert_allclose(other(images), tower(images), rtol=1e-5, atol=1e-6)


def test_embeddings_have_unit_length_at_any_size(tower, tmp_path):
    pictures = np.random.default_rng(2).uniform(-1, 1, (2, 20, 31, 3))
    found = np.asarray(tower.embed(pictures.astype(np.float32)))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    bundles.save(tower, tmp_path / "clip", provenance={})
    again = bundles.load(tmp_path / "clip")
    np.testing.assert_array_equal(again.embed(pictures.astype(np.float32)), found)


@pytest.mark.parametrize(
    ("name", "array", "match"),
    [
        ("visual.proj", None, "proj"),
        ("visual.positional_embedding", np.zeros((7, WIDTH), np.float32), "7 places"),
        ("visual.ln_pre.weight", np.zeros(3, np.float32), "shape"),
        ("visual.surplus", np.zeros(3, np.float32), "unused"),
    ],
)
def test_faults_are_named(state, name, array, match):
    damaged = {**state, name: array}
    if array is None:
        del damaged[name]
    with pytest.raises(converters.ConversionError, match=match):
        converters.convert(damaged)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_equals_torch_and_is_read_out_of_a_program(state, images, tmp_path):
    import torch

    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.ln_2 = (torch.nn.LayerNorm(WIDTH) for _ in range(2))
            self.attn = torch.nn.MultiheadAttention(WIDTH, WIDTH // 64)
            self.mlp = torch.nn.ModuleDict(
                {
                    "c_fc": torch.nn.Linear(WIDTH, 4 * WIDTH),
                    "c_proj": torch.nn.Linear(4 * WIDTH, WIDTH),
                }
            )

        def forward(self, x):
            y = self.ln_1(x)
            x = x + self.attn(y, y, y, need_weights=False)[0]
            y = self.mlp["c_fc"](self.ln_2(x))
            return x + self.mlp["c_proj"](y * torch.sigmoid(1.702 * y))

    class Visual(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = torch.nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
            zeros = torch.zeros
            self.class_embedding = torch.nn.Parameter(zeros(WIDTH))
            self.positional_embedding = torch.nn.Parameter(zeros(GRID**2 + 1, WIDTH))
            self.ln_pre, self.ln_post = (torch.nn.LayerNorm(WIDTH) for _ in range(2))
            self.transformer = torch.nn.Module()
            blocks = torch.nn.Sequential(*(Block() for _ in range(LAYERS)))
            self.transformer.resblocks = blocks
            self.proj = torch.nn.Parameter(zeros(WIDTH, OUT))

        def forward(self, x):
            x = self.conv1(x).flatten(2).transpose(1, 2)
            first = self.class_embedding.expand(x.shape[0], 1, -1)
            x = torch.cat([first, x], 1) + self.positional_embedding
            x = self.transformer.resblocks(self.ln_pre(x).transpose(0, 1))
            return self.ln_post(x[0]) @ self.proj

    model = torch.nn.Module()
    model.visual = Visual()
    weights = {k: torch.from_numpy(v) for k, v in state.items() if "visual" in k}
    model.load_state_dict(weights)
    given = torch.from_numpy(images).permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = model.visual(given).numpy()

    class Whole(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.visual = model.visual

        def forward(self, x):
            return self.visual(x)

    path = tmp_path / "ViT-B-32.pt"
    torch.jit.trace(Whole().eval(), given).save(str(path))
    network = converters.load(path)
    np.testing.assert_allclose(network(images), expected, rtol=1e-3, atol=1e-4)
    assert converters.inspect(path).kinds == ("clip",)
