"""Published numbers of inversion on photographs, and our own in the same conventions.

The rows are those of GANInverter's benchmark (github.com/caopulan/GANInverter, README,
"Benchmark": 2,824 pictures of CelebA-HQ's test split, a StyleGAN2 of FFHQ). There

- reconstructions are rounded down to whole grey levels, and compared at 256 pixels;
- MSE is that of pictures in [-1, 1], the mean over pictures;
- PSNR is 10 log10(2 / MSE): 3.01 dB below the usual one of the same pictures, whose
  peak is 2;
- LPIPS is on VGG16, identity the cosine of a face recognition network.

Our pictures are shrunk by averaging areas, theirs by an antialiased bilinear filter.
SSIM and seconds are not in that table.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.inversion.state import Models
from jax_encoder.io import json_types
from jax_encoder.metrics import pairs
from jax_encoder.ops import resize

SIDE = 256
# Name: PSNR, MSE, LPIPS, identity.
ROWS: Mapping[str, tuple[float, float, float, float | None]] = {
    "optimization in W": (15.8460, 0.0670, 0.1967, 0.32),
    "optimization in W+": (20.5940, 0.0242, 0.1092, 0.77),
    "pSp": (18.0348, 0.0345, 0.1591, 0.56),
    "e4e": (16.6616, 0.0472, 0.1974, 0.50),
    "LSAP": (17.4958, 0.0391, 0.1765, 0.53),
    "ReStyle, e4e": (17.0903, 0.0428, 0.1904, 0.51),
    "HyperStyle": (20.0864, 0.0219, 0.0985, 0.74),
    "PTI, pivots in W": (24.6004, 0.0082, 0.0820, None),
    "HFGI, e4e": (20.1402, 0.0210, 0.1166, 0.68),
    "SAM, e4e": (20.5933, 0.0193, 0.1442, 0.57),
    "SAM, LSAP": (21.6179, 0.0152, 0.1205, 0.60),
    "DHR, e4e": (28.1661, 0.0035, 0.0438, 0.87),
    "DHR, LSAP": (28.2786, 0.0034, 0.0422, 0.88),
}


def measure(
    models: Models, images: np.ndarray, targets: np.ndarray
) -> dict[str, np.ndarray]:
    """Measures pictures as the published rows were measured.

    Args:
      models: "lpips" among its networks measures.
      images: `[N, R, R, 3]` reconstructions, nominally in [-1, 1].
      targets: `[N, R, R, 3]` in [-1, 1].

    Returns:
      "published_psnr", "published_mse" and "published_lpips", `[N]` each.
    """
    lpips = models.networks["lpips"]
    found = _measure(lpips, jnp.asarray(images), jnp.asarray(targets))
    return {f"published_{name}": np.asarray(row) for name, row in found.items()}


@jax.jit
def _measure(lpips, images, targets):
    levels = jnp.floor(jnp.clip((images + 1) * 127.5, 0, 255))
    shown = resize.at_most(levels / 127.5 - 1, SIDE)
    wanted = resize.at_most(targets, SIDE)
    mse = pairs.mse(shown, wanted)
    return {
        "psnr": 10 * jnp.log10(2 / mse),
        "mse": mse,
        "lpips": lpips(shown, wanted),
    }


def table(rows: Sequence[Mapping[str, json_types.Json]]) -> str:
    """The photographs of a race beside the published rows, as Markdown.

    Args:
      rows: of `race_report.summarize`, measured by `measure` as well.
    """
    lines = [
        "PSNR, MSE and LPIPS at 256 pixels in the conventions of GANInverter's"
        " benchmark, whose rows are of 2,824 pictures of CelebA-HQ: means. Its PSNR is"
        " 10 log10(2 / MSE), 3.01 dB below the usual one.",
        "",
        "| method | PSNR | MSE | LPIPS | identity | SSIM | seconds a picture |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        kind = row["kinds"].get("photograph")
        if kind:
            lines.append(_own_row(row, kind))
    for name, (psnr, mse, lpips, identity) in ROWS.items():
        person = "" if identity is None else f"{identity:.2f}"
        numbers = f"{psnr:.2f} | {mse:.4f} | {lpips:.4f} | {person}"
        lines.append(f"| {name} (published) | {numbers} | | |")
    return "\n".join(lines)


def _own_row(row: Mapping[str, object], kind: Mapping[str, json_types.Json]) -> str:
    def mean(name: str, digits: int) -> str:
        value = kind.get(name, {}).get("mean")
        return "" if value is None else f"{value:.{digits}f}"

    cells = [
        f"**{row['name']}**",
        mean("published_psnr", 2),
        mean("published_mse", 4),
        mean("published_lpips", 4),
        mean("identity", 2),
        mean("ssim", 3),
        f"{row['seconds_a_picture']:.1f}",
    ]
    return f"| {' | '.join(cells)} |"
