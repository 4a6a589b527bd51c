"""Foreign files for the tests of the readers, made without the foreign programs."""

import dataclasses
import io
import pickle
import struct
import zipfile

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class Named:
    """A global, written by name only."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self):
        raise AssertionError("never called")


@dataclasses.dataclass(eq=False)
class Call:
    """An object that pickles as `function(*args)`, then a state."""

    function: Named
    args: tuple = ()
    state: object = None
    items: dict | None = None


@dataclasses.dataclass(eq=False)
class Reference:
    """A persistent identifier."""

    identifier: tuple


class Pickler(pickle._Pickler):
    """Writes `Named`, `Call` and `Reference` as the foreign objects they stand for."""

    def persistent_id(self, obj):
        return obj.identifier if isinstance(obj, Reference) else None

    def reducer_override(self, obj):
        if isinstance(obj, Call):
            items = iter(obj.items.items()) if obj.items is not None else None
            return obj.function, obj.args, obj.state, None, items
        return NotImplemented

    def save(self, obj, save_persistent_id=True):
        if not isinstance(obj, Named):
            super().save(obj, save_persistent_id)
        elif self.proto >= 4:
            super().save(obj.module)
            super().save(obj.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(f"c{obj.module}\n{obj.name}\n".encode())


def dumps(obj, protocol=2):
    buffer = io.BytesIO()
    Pickler(buffer, protocol).dump(obj)
    return buffer.getvalue()


def storage(key, kind, numel, location="cpu", *more):
    return Reference(("storage", Named("torch", kind), key, location, numel, *more))


def tensor(data, shape, strides, offset=0):
    """`_rebuild_tensor_v2` on a `storage` or a `nested` one."""
    hooks = Call(Named("collections", "OrderedDict"))
    args = (data, offset, shape, strides, False, hooks)
    return Call(Named("torch._utils", "_rebuild_tensor_v2"), args)


def torch_zip(obj, storages, *, protocol=2, name="archive", more=()):
    """`torch.save` of torch 1.6 and later; `storages`: key -> bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"{name}/data.pkl", dumps(obj, protocol))
        for key, content in storages.items():
            archive.writestr(f"{name}/data/{key}", content)
        for member, content in more:
            archive.writestr(member, content)
    return buffer.getvalue()


def torch_legacy(obj, storages, *, protocol=2):
    """`torch.save` before 1.6; `storages`: key -> (numel, bytes)."""
    system = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {}}
    parts = [pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, system)]
    parts.append(dumps(obj, protocol))
    parts.append(pickle.dumps(list(storages), 2))
    for numel, content in storages.values():
        parts.append(struct.pack("<q", numel) + content)
    return b"".join(parts)


def nested(kind, numel, content):
    """NVIDIA's way to pickle a storage: a legacy stream in a byte string."""
    stream = torch_legacy(
        storage("1", kind, numel, "cpu", None), {"1": (numel, content)}
    )
    return Call(Named("torch.storage", "_load_from_bytes"), (stream,))


def module(class_name, parameters, modules=(), **settings):
    """A persistent object of NVIDIA's."""
    state = {
        "_parameters": dict(parameters),
        "_buffers": {},
        "_modules": dict(modules),
        **settings,
    }
    meta = {
        "type": "class",
        "version": 6,
        "module_src": "raise SystemExit('executed')",
        "class_name": class_name,
        "state": state,
    }
    function = Named("torch_utils.persistence", "_reconstruct_persistent_obj")
    return Call(function, (meta,))
