"""The readers against NumPy's and Python's own notion of what the files hold."""

import collections
import io
import pickle

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import numpy as safetensors_numpy

from converters.formats import kinds
from converters.readers import contents
from converters.writers import torch_writer
from tests.converters import streams

VALUES = np.arange(24, dtype=np.float32)


def parse(data):
    return contents.parse(memoryview(data))


def same(got, wanted):
    assert got.dtype == wanted.dtype
    assert got.shape == wanted.shape
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("container", ["torch zip", "torch legacy"])
def test_strides_offsets_and_shared_storages(container, protocol):
    data = streams.storage("0", "FloatStorage", 24, "cuda:0")
    tree = {
        "nchw": streams.tensor(data, (2, 3, 4), (12, 4, 1)),
        "channels_last": streams.tensor(data, (1, 2, 3, 4), (24, 1, 8, 2)),
        "transposed": streams.tensor(data, (4, 6), (1, 4)),
        "part": streams.tensor(data, (2, 2), (6, 2), 5),
        "scalar": streams.tensor(data, (), (), 23),
        "empty": streams.tensor(data, (0, 3), (3, 1)),
        "expanded": streams.tensor(data, (5, 3), (0, 1)),
    }
    if container == "torch zip":
        file = streams.torch_zip(tree, {"0": VALUES.tobytes()}, protocol=protocol)
    else:
        file = streams.torch_legacy(
            tree, {"0": (24, VALUES.tobytes())}, protocol=protocol
        )
    found, got = parse(file)
    assert found == container
    strided = np.lib.stride_tricks.as_strided
    same(got["nchw"], VALUES.reshape(2, 3, 4))
    same(got["channels_last"], strided(VALUES, (1, 2, 3, 4), (96, 4, 32, 8)))
    same(got["transposed"], VALUES.reshape(6, 4).T)
    same(got["part"], strided(VALUES[5:], (2, 2), (24, 8)))
    same(got["scalar"], np.float32(23).reshape(()))
    same(got["empty"], np.zeros((0, 3), np.float32))
    same(got["expanded"], np.broadcast_to(VALUES[:3], (5, 3)))
    assert not got["nchw"].flags.writeable


@given(st.data())
def test_any_view_within_its_storage_is_read_and_none_beyond(data):
    shape = data.draw(st.lists(st.integers(1, 4), max_size=4))
    strides = data.draw(st.lists(st.integers(0, 9), min_size=len(shape), max_size=4))
    strides = strides[: len(shape)]
    offset = data.draw(st.integers(0, 30))
    last = offset + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    view = streams.tensor(
        streams.storage("0", "FloatStorage", 24), tuple(shape), tuple(strides), offset
    )
    file = streams.torch_zip(view, {"0": VALUES.tobytes()})
    if last >= 24:
        with pytest.raises(ValueError, match="beyond its storage"):
            parse(file)
    else:
        steps = [4 * stride for stride in strides]
        wanted = np.lib.stride_tricks.as_strided(VALUES[offset:], shape, steps)
        same(parse(file)[1], wanted)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("FloatStorage", "float32"),
        ("HalfStorage", "float16"),
        ("BFloat16Storage", ml_dtypes.bfloat16),
        ("DoubleStorage", "float64"),
        ("LongStorage", "int64"),
        ("IntStorage", "int32"),
        ("ShortStorage", "int16"),
        ("CharStorage", "int8"),
        ("ByteStorage", "uint8"),
        ("BoolStorage", "bool"),
    ],
)
def test_types(kind, dtype):
    values = np.array([0, 1, 1, 0, 1], np.dtype(dtype))
    for data, storages in (
        (streams.storage("0", kind, 5), {"0": values.tobytes()}),
        (streams.nested(kind, 5, values.tobytes()), {}),
    ):
        file = streams.torch_zip(streams.tensor(data, (5,), (1,)), storages)
        same(parse(file)[1], values)


def test_what_torch_wraps_tensors_in():
    data = streams.storage("0", "FloatStorage", 24)
    tensor = streams.tensor(data, (24,), (1,))
    rebuild = streams.Named("torch._utils", "_rebuild_tensor_v2")
    kind = streams.Named("torch.nn.parameter", "Parameter")
    untyped = streams.Reference(
        ("storage", streams.Named("torch.storage", "UntypedStorage"), "1", "cpu", 96)
    )
    dtype = streams.Named("torch", "float32")
    tree = {
        "old": streams.Call(
            streams.Named("torch._utils", "_rebuild_tensor"), (data, 0, (24,), (1,))
        ),
        "parameter": streams.Call(
            streams.Named("torch._utils", "_rebuild_parameter"), (tensor, True, {})
        ),
        "typed": streams.Call(
            streams.Named("torch._tensor", "_rebuild_from_type_v2"),
            (rebuild, kind, tensor.args, {}),
        ),
        "v3": streams.Call(
            streams.Named("torch._utils", "_rebuild_tensor_v3"),
            (untyped, 0, (24,), (1,), False, {}, dtype, {}),
        ),
        "size": streams.Call(streams.Named("torch", "Size"), ((2, 3),)),
    }
    raw = VALUES.tobytes()
    got = parse(streams.torch_zip(tree, {"0": raw, "1": raw}))[1]
    for name in ("old", "parameter", "typed", "v3"):
        same(got[name], VALUES)
    assert got["size"] == (2, 3)


def test_python_objects_become_plain_or_inert():
    metadata = {"_metadata": {"": {"version": 1}}}
    tree = {
        "ordered": streams.Call(
            streams.Named("collections", "OrderedDict"), (), metadata, {"a": 1}
        ),
        "easy": streams.Call(
            streams.Named("dnnlib.util", "EasyDict"), (), None, {"b": 2}
        ),
        "args": streams.Call(
            streams.Named("argparse", "Namespace"), (), {"size": 64, "arch": "x"}
        ),
        "set": streams.Call(streams.Named("__builtin__", "set"), ([1, 2],)),
    }
    got = parse(streams.torch_zip(tree, {}))[1]
    assert got["ordered"] == {"a": 1}
    assert got["easy"] == {"b": 2}
    assert got["set"] == {1, 2}
    assert got["args"].class_name == "Namespace"
    assert got["args"].get("size") == 64


def test_a_persistent_object_keeps_its_state_and_not_its_source():
    weight = streams.tensor(
        streams.nested("FloatStorage", 24, VALUES.tobytes()), (24,), (1,)
    )
    tree = {"G": streams.module("Generator", {"weight": weight}, num_ws=7)}
    record = parse(streams.dumps(tree, 3))[1]["G"]
    assert record.class_name == "Generator"
    assert record.get("num_ws") == 7
    same(record.get("_parameters")["weight"], VALUES)
    assert "module_src" not in record.state


def test_a_legacy_view_of_a_storage():
    whole = streams.storage("7", "FloatStorage", 24, "cpu", ("8", 4, 10))
    tree = streams.tensor(whole, (10,), (1,))
    file = streams.torch_legacy(tree, {"7": (24, VALUES.tobytes())})
    same(parse(file)[1], VALUES[4:14])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickled_numpy_arrays(protocol):
    tree = {
        "c": np.arange(6.0).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
        "big": np.arange(5, dtype=">i4"),
        "large": np.arange(3000, dtype=np.float16),
        "scalar": np.float64(2.5),
        "zero": np.zeros((0, 4), np.uint8),
        "shared": None,
    }
    tree["shared"] = tree["c"]
    got = parse(pickle.dumps(tree, protocol))[1]
    for name, wanted in tree.items():
        same(np.asarray(got[name]), np.asarray(wanted))


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
        st.frozensets(st.integers(0, 9), max_size=4),
    ),
    max_leaves=12,
)


@given(tree=trees, protocol=st.integers(2, 5))
def test_plain_values_are_what_python_reads(tree, protocol):
    assert parse(pickle.dumps(tree, protocol))[1] == tree


def test_shared_values_stay_shared():
    inner = [1]
    got = parse(pickle.dumps({"a": inner, "b": inner}, 4))[1]
    assert got["a"] is got["b"]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(save):
    buffer = io.BytesIO()
    save(buffer, a=VALUES, b=np.ones((2, 2), np.int8, order="F"))
    container, got = parse(buffer.getvalue())
    assert container == "npz"
    same(got["a"], VALUES)
    same(got["b"], np.ones((2, 2), np.int8))


def test_npy():
    buffer = io.BytesIO()
    np.save(buffer, np.asfortranarray(VALUES.reshape(4, 6)))
    container, got = parse(buffer.getvalue())
    assert container == "npy"
    same(got, VALUES.reshape(4, 6))


def test_safetensors_of_the_library():
    tree = {"a": VALUES, "b": np.ones((2, 0), np.int64), "c": np.array(3, np.uint8)}
    container, got = parse(safetensors_numpy.save(tree, {"format": "pt"}))
    assert container == "safetensors"
    assert got.keys() == tree.keys()
    for name, wanted in tree.items():
        same(got[name], wanted)


def test_our_torch_archives_are_read_back():
    tree = {
        "state": {"w": VALUES.reshape(2, 3, 4), "n": np.array(5)},
        "step": 3,
        "rate": 0.5,
        "name": "x",
        "none": None,
        "yes": True,
    }
    buffer = io.BytesIO()
    torch_writer.write(buffer, tree)
    container, got = parse(buffer.getvalue())
    assert container == "torch zip"
    same(got["state"].pop("w"), tree["state"].pop("w"))
    same(got["state"].pop("n"), tree["state"].pop("n"))
    assert got == tree


@pytest.mark.torch
def test_torch_reads_our_archives_and_we_read_its():
    import torch

    base = torch.arange(24, dtype=torch.float32)
    tree = collections.OrderedDict(
        a=base.reshape(2, 3, 4).permute(2, 0, 1),
        b=base[5:9],
        c=torch.ones(3, dtype=torch.bfloat16),
        d=torch.nn.Parameter(torch.ones(2)),
        e=torch.tensor(True),
        f=base.reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
    )
    for is_zip in (True, False):
        buffer = io.BytesIO()
        torch.save(tree, buffer, _use_new_zipfile_serialization=is_zip)
        got = parse(buffer.getvalue())[1]
        for name, wanted in tree.items():
            wanted = wanted.detach().float().numpy()
            np.testing.assert_array_equal(np.asarray(got[name], np.float32), wanted)
    buffer = io.BytesIO()
    torch_writer.write(buffer, {"a": VALUES.reshape(4, 6), "n": {"x": 1}})
    buffer.seek(0)
    read = torch.load(buffer, weights_only=True)
    np.testing.assert_array_equal(read["a"].numpy(), VALUES.reshape(4, 6))
    assert read["n"] == {"x": 1}


def test_every_kind_has_a_name_of_its_own():
    names = [kind.name for kind in kinds.KINDS]
    assert len(set(names)) == len(names)
