"""Inert stand-ins for the objects of foreign classes."""

import dataclasses
from typing import Any

from jax_encoder.nn.checks import describe


@dataclasses.dataclass(eq=False, repr=False)
class Record:
    """An object of a class that was not imported, and of which no code ran.

    Attributes:
      kind: the global that the pickle named, such as "argparse.Namespace",
        "dnnlib.tflib.network.Network" or
        "torch_utils.persistence._reconstruct_persistent_obj".
      class_name: the class the object had; for NVIDIA's persistent objects the name of
        the network class ("Generator"), otherwise the last part of `kind`.
      state: the attributes, usually a dict.
    """

    kind: str
    class_name: str
    state: object = None

    def __repr__(self) -> str:
        return f"Record({describe(self.kind)}, {describe(self.class_name)})"

    def get(self, name: str, default: object = None) -> Any:
        """An attribute of the object, or `default`."""
        if isinstance(self.state, dict):
            return self.state.get(name, default)
        return default
