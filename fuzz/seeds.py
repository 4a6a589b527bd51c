"""The seed corpus of the fuzzer: small files of every container and kind.

python -m fuzz.seeds corpus
"""

import io
import json
import pathlib
import pickle
import struct
import sys

import numpy as np

from fuzz import findings, grammars
from tests.converters import streams

_MAX_FINDING = 16_384

_VALUES = np.arange(12, dtype=np.float32)
_RAW = _VALUES.tobytes()


def make() -> dict[str, bytes]:
    """The seeds by name, each below 4 KiB."""
    seeds = {
        "torch.zip": streams.torch_zip(_tensors(), {"0": _RAW, "1": bytes(8)}),
        "torch4.zip": streams.torch_zip(
            _tensors(), {"0": _RAW, "1": bytes(8)}, protocol=4
        ),
        "legacy.pth": streams.torch_legacy(
            _tensors(), {"0": (12, _RAW), "1": (4, bytes(8))}
        ),
        "nvidia3.pkl": streams.dumps(_nvidia(), 3),
        "nvidia4.pkl": streams.dumps(_nvidia(), 4),
        "tensorflow.pkl": streams.dumps(_tensorflow(), 3),
        "safetensors": _safetensors(),
    }
    for protocol in (2, 5):
        tree = {"a": _VALUES.reshape(3, 4), "b": np.float64(1), "c": (1, None, b"x")}
        seeds[f"numpy{protocol}.pkl"] = pickle.dumps(tree, protocol)
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, a=_VALUES, b=np.ones((2, 2)))
        seeds[f"{save.__name__}.npz"] = buffer.getvalue()
    buffer = io.BytesIO()
    np.save(buffer, _VALUES)
    seeds["array.npy"] = buffer.getvalue()
    for name, entries in _MARKS.items():
        seeds[f"{name}.zip"] = streams.torch_zip(_wrapped(entries), {"0": _RAW})
    return seeds


# Entries that tell a layout, enough to lead a fuzzer into its recognizer.
_MARKS = {
    "genforce_stylegan1": ("synthesis.layer0.const", "mapping.dense0.weight"),
    "genforce_stylegan2": ("synthesis.early_layer.const", "mapping.dense0.weight"),
    "idinvert": ("synthesis.layer0.const", "mapping.dense0.fc.weight"),
    "idinvert_encoder": (
        "block0.conv.weight",
        "block1.conv1.weight",
        "block1.wscale1.bias",
    ),
    "w_encoder": ("encoder.linear.weight", "encoder.input_layer.0.weight"),
    "unknown_encoder": ("encoder.x.weight", "decoder.conv1.conv.modulation.weight"),
    "lpips_whole": ("net.slice1.0.weight", "lin0.model.1.weight"),
    "vgg19": tuple(f"features.{k}.weight" for k in (0, 2, 5, 7, 10, 12, 14, 16)),
    "vgg16_bn": tuple(
        f"features.{k}.{part}"
        for k, part in ((0, "weight"), (1, "running_mean"), (40, "weight"))
    ),
    "resnet_pyramid": (
        "conv1.weight",
        "body.0.conv1.weight",
        "latlayer1.weight",
        "styles.0.linear.weight",
    ),
    "synthesis_alone": ("b4.const", "b4.conv1.affine.weight"),
    "stylegan3": (
        "synthesis.input.freqs",
        "synthesis.input.affine.weight",
        "synthesis.L0_36_512.weight",
    ),
    "clip": (
        "visual.conv1.weight",
        "visual.class_embedding",
        "visual.transformer.resblocks.0.attn.in_proj_weight",
    ),
    "clip_transformers": (
        "vision_model.embeddings.patch_embedding.weight",
        "vision_model.encoder.layers.0.self_attn.q_proj.weight",
        "visual_projection.weight",
    ),
    "gfpgan": ("condition_scale.0.0.weight",),
}


def _wrapped(entries):
    data = streams.storage("0", "FloatStorage", 12)
    weight = streams.tensor(data, (3, 3), (3, 1))
    state = {f"module.{name}": weight for name in entries}
    return {"models": {"state_dict": state}, "latent_avg": weight, "opts": {"a": 1}}


def _tensors():
    data = streams.storage("0", "FloatStorage", 12)
    half = streams.storage("1", "HalfStorage", 4)
    ordered = streams.Named("collections", "OrderedDict")
    state = {
        "style.1.weight": streams.tensor(data, (3, 4), (4, 1)),
        "conv1.conv.modulation.weight": streams.tensor(data, (4, 3), (1, 4)),
        "noises.noise_0": streams.tensor(half, (1, 1, 2, 2), (4, 4, 2, 1)),
    }
    metadata = {"_metadata": {"": {"version": 1}}}
    options = streams.Call(
        streams.Named("argparse", "Namespace"), (), {"size": 8, "set": {1, 2}}
    )
    return {
        "g_ema": streams.Call(ordered, (), metadata, state),
        "latent_avg": streams.tensor(data, (4,), (1,), 8),
        "args": options,
    }


def _nvidia():
    nested = streams.nested("FloatStorage", 12, _RAW)
    weight = streams.tensor(nested, (3, 4), (4, 1))
    rebuild = streams.Named("torch._utils", "_rebuild_parameter")
    parameter = streams.Call(rebuild, (weight, True, {}))
    layer = streams.module("FullyConnectedLayer", {"weight": parameter}, bias_gain=0.01)
    mapping = streams.module("MappingNetwork", {}, {"fc0": layer}, z_dim=4)
    block = streams.module("SynthesisBlock", {"const": parameter})
    synthesis = streams.module("SynthesisNetwork", {}, {"b4": block})
    inner = {"mapping": mapping, "synthesis": synthesis}
    generator = streams.module("Generator", {}, inner, gain=np.float64(2**0.5))
    return {"G_ema": generator, "D": None, "training_set_kwargs": {"path": "x"}}


def _tensorflow():
    def network(name, variables, components=None):
        state = {
            "version": 4,
            "name": name,
            "static_kwargs": {"resolution": 8, "resample_kernel": [1, 3, 3, 1]},
            "components": components or {},
            "build_module_src": "mbstd_group_size = 4",
            "variables": list(variables.items()),
        }
        return streams.Call(streams.Named("dnnlib.tflib.network", "Network"), (), state)

    mapping = network("mapping", {"Dense0/weight": _VALUES.reshape(3, 4)})
    whole = network("Gs", {"dlatent_avg": _VALUES[:4]}, {"mapping": mapping})
    return (whole, network("D", {"lod": np.float32(0)}), whole)


def _safetensors() -> bytes:
    header = {
        "__metadata__": {"jax_encoder": "{}"},
        "a": {"dtype": "F32", "shape": [3, 4], "data_offsets": [0, 48]},
        "b": {"dtype": "BF16", "shape": [], "data_offsets": [48, 50]},
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + _RAW + bytes(2)


def small_findings() -> dict[str, bytes]:
    """What was found by reading the code, as far as it is small."""
    found = findings.make()
    return {name: data for name, data in found.items() if len(data) < _MAX_FINDING}


def structured(count: int = 40) -> dict[str, bytes]:
    """Draws of every grammar."""
    return {
        f"{name}_{seed}": grammars.make(name, seed)
        for name in grammars.GRAMMARS
        for seed in range(count)
    }


def main() -> None:
    """Writes the seeds, the findings and draws of the grammars into a directory."""
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (make() | small_findings() | structured()).items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
