"""Directions in any file that people keep them in, PyTorch's included.

| file | written by |
|---|---|
| `.npz`, `.npy` | what `jax_encoder.editing.direction_files` reads |
| `age.pt`, a tensor `[1, 512]` or `[1, 18, 512]` | encoder4editing, ReStyle, PTI |
| `ffhq_pca.pt`, {comp, mean, std} | encoder4editing, of GANSpace |
| `factor.pt`, {eigvec, ckpt} | rosinality's closed-form factorization (SeFa) |

Nothing in a file is ever run.
"""

import os
import pathlib

from converters.readers import contents
from jax_encoder.editing import direction_files
from jax_encoder.editing.directions import Direction


def load(path: str | os.PathLike[str]) -> dict[str, Direction]:
    """Reads directions.

    Args:
      path: the file; recognized by content.

    Returns:
      By name.

    Raises:
      DirectionError: it holds no directions.
      ConversionError: damaged, or refused because it would run code.
    """
    path = pathlib.Path(path)
    if path.suffix in (".npz", ".npy"):
        return direction_files.load(path)
    return direction_files.from_tree(contents.read(path).tree, path)
