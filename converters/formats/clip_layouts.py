"""CLIP's image towers, in the layouts of OpenAI's files and of transformers."""

import numpy as np
from flax import nnx

from converters import conversion_errors
from converters.formats import assign, checkpoint_layouts, entry_names, torch_layers
from jax_encoder.nn import clip

_HEAD_SIZE = 64
_PREFIX = "visual."
_OPENAI_RULES = (
    (r"^transformer\.resblocks\.(\d+)\.", r"block_\1."),
    (r"\.attn\.in_proj_(weight|bias)$", r".attn.in_proj.\1"),
    (r"\.mlp\.", "."),
)
_MODEL = "vision_model."
_TRANSFORMERS_RULES = (
    (r"^embeddings\.patch_embedding\.", "conv1."),
    (r"^embeddings\.class_embedding$", "class_embedding"),
    (r"^embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^pre_layrnorm\.", "ln_pre."),
    (r"^post_layernorm\.", "ln_post."),
    (r"^encoder\.layers\.(\d+)\.", r"block_\1."),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.self_attn\.", ".attn."),
    (r"\.mlp\.fc1\.", ".c_fc."),
    (r"\.mlp\.fc2\.", ".c_proj."),
)
# Tables that are no dense weights: they keep their axes.
_AS_THEY_ARE = ("positional_embedding", "proj")


def _build_openai(tree: entry_names.Entries) -> clip.CLIPImageTower:
    entries = {
        name.removeprefix(_PREFIX): array
        for name, array in tree.items()
        if name.startswith(_PREFIX)
    }
    return _build(entries, _OPENAI_RULES, "transformer.resblocks.{}.ln_1.weight")


def _build_transformers(tree: entry_names.Entries) -> clip.CLIPImageTower:
    entries = {
        name.removeprefix(_MODEL): array
        for name, array in tree.items()
        if name.startswith(_MODEL) and not name.endswith("position_ids")
    }
    for place in ("weight", "bias"):
        _join(entries, place)
    entries["proj"] = entry_names.dense(tree["visual_projection.weight"])
    return _build(entries, _TRANSFORMERS_RULES, "encoder.layers.{}.layer_norm1.weight")


def _join(entries: dict[str, np.ndarray], place: str) -> None:
    """Puts the projections of queries, keys and values into one, as OpenAI's."""
    ends = [f"_proj.{place}"]
    names = [n for n in entries if n.endswith(f".self_attn.q{ends[0]}")]
    for name in names:
        base = name.removesuffix(f"q{ends[0]}")
        parts = [f"{base}{letter}{ends[0]}" for letter in "qkv"]
        if missing := [part for part in parts if part not in entries]:
            raise conversion_errors.ConversionError(
                "missing", entry=f"{_MODEL}{missing[0]}"
            )
        joined = np.concatenate([np.asarray(entries.pop(part)) for part in parts])
        entries[f"{base}in_proj.{place}"] = joined


def _build(entries: dict[str, np.ndarray], rules, block: str) -> clip.CLIPImageTower:
    raw = {entry_names.rename(name, rules): array for name, array in entries.items()}
    for name in ("conv1.weight", *_AS_THEY_ARE):
        if name not in raw:
            raise conversion_errors.ConversionError("missing", entry=name)
    kernel = entry_names.check_rank(raw["conv1.weight"], 4)
    positions = entry_names.check_rank(raw["positional_embedding"], 2)
    width, patch = kernel.shape[0], kernel.shape[-1]
    grid = round(max(positions.shape[0] - 1, 0) ** 0.5)
    if grid**2 + 1 != positions.shape[0] or not grid or width % _HEAD_SIZE:
        raise conversion_errors.ConversionError(
            f"a table of {positions.shape[0]} places and a width of {width}: a tower"
            f" has a square of patches and one place more, and heads of {_HEAD_SIZE}",
            entry="positional_embedding",
        )
    config = clip.CLIPConfig(
        input_size=grid * patch,
        patch_size=patch,
        width=width,
        num_layers=entry_names.count(entries, block),
        num_heads=width // _HEAD_SIZE,
        embedding_size=entry_names.check_rank(raw["proj"], 2).shape[1],
    )
    arrays = torch_layers.translate(raw)
    arrays |= {name: np.asarray(raw[name]) for name in _AS_THEY_ARE}
    arrays = {name: np.asarray(x, np.float32) for name, x in arrays.items()}
    return assign.build(lambda: clip.CLIPImageTower(config, rngs=nnx.Rngs(0)), arrays)


def _has(tree: object, marks: tuple[str, ...]) -> bool:
    """Whether the entries are there; beside arrays a file may hold settings."""
    return isinstance(tree, dict) and set(marks) <= tree.keys()


_OPENAI_MARKS = (
    "visual.conv1.weight",
    "visual.class_embedding",
    "visual.transformer.resblocks.0.attn.in_proj_weight",
)

_TRANSFORMERS_MARKS = (
    "vision_model.embeddings.patch_embedding.weight",
    "vision_model.encoder.layers.0.self_attn.q_proj.weight",
    "visual_projection.weight",
)

KINDS = (
    checkpoint_layouts.single(
        "clip",
        "image tower of CLIP in OpenAI's layout (ViT-B-32.pt)",
        "image",
        _OPENAI_MARKS,
        _build_openai,
        recognize=lambda tree: _has(tree, _OPENAI_MARKS),
    ),
    checkpoint_layouts.single(
        "clip_transformers",
        "image tower of CLIP in the layout of transformers (clip-vit-base-patch32)",
        "image",
        _TRANSFORMERS_MARKS,
        _build_transformers,
        recognize=lambda tree: _has(tree, _TRANSFORMERS_MARKS),
    ),
)
