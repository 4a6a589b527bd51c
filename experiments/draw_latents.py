"""Draws the latent spaces of a generator: maps, histograms, inversions among samples.

    python -m experiments.draw_latents --output_dir=latents
    python -m experiments.draw_latents --generator=ffhq --methods=pca,pair \
      --color=cluster --output_dir=latents
    python -m experiments.draw_latents --color=age --images=photos --film=mp4

Z, W, P and P_N side by side, with the same samples in the same colors: two axes of each
(pair), and maps by PCA, t-SNE and locally linear embedding (pca, tsne, lle). Beside
them: pictures on the map of W, histograms of axes, explained variance. --codes marks
codes; --images inverts pictures in every space of --searches and draws how they move
among the samples, as a figure and a film for each. Needs the `analysis` and `plot`
extras.
"""

from absl import flags

from experiments.drawing import coloring, drawing_run, inversion_paths
from experiments.launch import command_line, flag_types
from jax_encoder.errors import InputError
from jax_encoder.latents import maps

_GENERATOR = flags.DEFINE_string("generator", None, "A bundle or a checkpoint.")
_KNOWN = (*maps.names(), "pair")
_METHODS = flag_types.define_choices(
    "methods", [*_KNOWN], f"Of {', '.join(_KNOWN)}.", _KNOWN
)
_NUM = flag_types.define_integer("num_samples", 2000, "Samples to draw.", 16, 100_000)
_SEED = flag_types.define_seed("seed", 0, "The seed of the samples and the maps.")
_COLOR = flags.DEFINE_string(
    "color", "norm", f"{', '.join(coloring.KINDS)}, or an attribute that is read."
)
_SCORER = flags.DEFINE_string("scorer", None, "Reads attributes; default: the demo's.")
_CLUSTERS = flag_types.define_integer("num_clusters", 6, "Clusters to find.", 2, 64)
_AXES = flags.DEFINE_string("axes", None, 'Two axes for pair, such as "0,1".')
_CLASS = flag_types.define_integer("class_index", None, "The class to draw.", 0)
_FITTED = flag_types.define_integer(
    "num_fitted", 0, "Samples to fit components to; 0: the generator's statistics.", 0
)
_THUMBNAILS = flag_types.define_integer(
    "num_thumbnails", 120, "Pictures on a map.", 0, 2000
)
_CODES = flags.DEFINE_string("codes", None, "Codes to mark: files and directories.")
_IMAGES = flags.DEFINE_string("images", None, "Pictures whose inversions to follow.")
_SEARCHES = flags.DEFINE_string(
    "searches", inversion_paths.DEFAULT, "Where the inversions search: SPACE:LAMBDA."
)
_STEPS = flag_types.define_integer("num_steps", 200, "Steps of an inversion.", 1)
_EVERY = flag_types.define_integer("every", 5, "Steps between two frames.", 1)
_LPIPS = flags.DEFINE_string("lpips", None, "The distance; default: the demo's.")
_FILM = flags.DEFINE_enum(
    "film", "mp4", ["mp4", "gif", "webp", "none"], "The kind of the films."
)
_FORMATS = flag_types.define_choices(
    "formats", ["png", "svg"], "Figures as png, svg, pdf.", ["png", "svg", "pdf"]
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "latents", "Where to write.")


def main(argv):
    """Draws; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    if not _IMAGES.value:
        unused = (_SEARCHES, _STEPS, _EVERY, _LPIPS, _FILM)
        command_line.refuse(unused, "it needs --images")
    task = drawing_run.DrawingTask(
        generator=_GENERATOR.value,
        methods=tuple(_METHODS.value),
        num_samples=_NUM.value,
        seed=_SEED.value,
        color=_COLOR.value,
        scorer=_SCORER.value,
        num_clusters=_CLUSTERS.value,
        axes=_AXES.value,
        class_index=_CLASS.value,
        num_fitted=_FITTED.value,
        num_thumbnails=_THUMBNAILS.value,
        codes=_CODES.value,
        images=_IMAGES.value,
        searches=tuple(inversion_paths.parse(_SEARCHES.value)),
        num_steps=_STEPS.value,
        every=_EVERY.value,
        lpips=_LPIPS.value,
        film="" if _FILM.value == "none" else f".{_FILM.value}",
        formats=tuple(_FORMATS.value),
    )
    try:
        return drawing_run.run(task, _OUTPUT_DIR.value)
    except InputError as error:
        raise command_line.UsageError(str(error)) from error


if __name__ == "__main__":
    command_line.run(main)
