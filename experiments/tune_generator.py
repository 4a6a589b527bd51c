"""Pivotal tuning: tunes a generator around codes that were found before.

    python -m experiments.encode_image --images=photos --output_dir=inverted
    python -m experiments.tune_generator --codes=inverted --images=photos \
      --output_dir=tuned

writes for every picture `<name>.difference.npz`, the tuned generator as its difference
to its parent, and `<name>.png`, what it makes of the code; with --shared one bundle
`generator` that serves all the pictures. Exit code: 0 done, 2 bad usage.
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags

from experiments import command_line, resources
from jax_encoder.inversion import pivotal
from jax_encoder.inversion.state import Models
from jax_encoder.io import bundles, codes, contact_sheet, differences, files, images
from jax_encoder.metrics import pairs

_IMAGES = flags.DEFINE_string("images", None, "Directory or pattern of pictures.")
_CODES = flags.DEFINE_string("codes", None, "What encode_image wrote: <name>.npz.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write.")
_GENERATOR = flags.DEFINE_string(
    "generator", None, "Bundle or checkpoint; default: the demo's."
)
_LPIPS = flags.DEFINE_string("lpips", None, "Perceptual network; default: the demo's.")
_SHARED = flags.DEFINE_boolean("shared", False, "One generator for all pictures.")
_NUM_STEPS = flags.DEFINE_integer("num_steps", 350, "Gradient steps, at most.", 1)
_LEARNING_RATE = flags.DEFINE_float("learning_rate", 3e-4, "Of Adam.", 0.0)
_STOP_BELOW = flags.DEFINE_float(
    "stop_below", 0.06, "Perceptual distance at which a picture is done.", 0.0
)
_LOCALITY = flags.DEFINE_float(
    "locality_weight", 0.0, "Of the locality regulariser; the source leaves it off."
)
_TUNED = flags.DEFINE_string(
    "tuned", ".*", "Regular expression: paths of the parameters to tune."
)
_SEED = flags.DEFINE_integer("seed", 0, "Of the locality samples.")


def main(argv):
    """Tunes and writes."""
    if len(argv) > 1 or not (_IMAGES.value and _CODES.value and _OUTPUT_DIR.value):
        raise command_line.UsageError("Give --images, --codes and --output_dir.")
    source = resources.generator(_GENERATOR.value)
    networks = resources.networks(
        ["lpips"], {"lpips": _LPIPS.value}, is_demo=not _GENERATOR.value
    )
    models = Models(
        generator=source.network,
        networks=networks,
        statistics=resources.latent_statistics(source),
    )
    try:
        config = pivotal.PivotalConfig(
            num_steps=_NUM_STEPS.value,
            learning_rate=_LEARNING_RATE.value,
            stop_below=_STOP_BELOW.value,
            tuned=_TUNED.value,
            shares_weights=_SHARED.value,
            locality_weight=_LOCALITY.value,
        )
        names, targets, ws = _read(source.network.config.resolution)
        key = jax.random.key(_SEED.value)
        tuning = pivotal.tune(models, ws, targets, key, config=config)
    except ValueError as error:
        raise command_line.UsageError(str(error)) from error
    _write(source, models, config, tuning, names, targets)


def _read(resolution):
    """The pictures that have a code, with their codes."""
    paths = images.find(str(_IMAGES.value))
    pairs_ = [(p, pathlib.Path(str(_CODES.value)) / f"{p.stem}.npz") for p in paths]
    found = [(p, codes.load(code)) for p, code in pairs_ if code.is_file()]
    if not found:
        raise ValueError(f"No picture of {_IMAGES.value} has a code in {_CODES.value}.")
    targets = [jnp.asarray(images.fit(images.read(p), resolution)) for p, _ in found]
    ws = [
        jnp.asarray(code.values).reshape(-1, *code.values.shape[-2:])[0]
        for _, code in found
    ]
    return [p.stem for p, _ in found], jnp.stack(targets), jnp.stack(ws)


def _write(source, models, config, tuning, names, targets):
    output = files.make_directory(str(_OUTPUT_DIR.value))
    shown = jnp.clip(tuning.images, -1, 1)
    lpips = models.networks["lpips"](shown, targets)
    psnr = pairs.psnr(shown, targets)
    captions = [
        f"LPIPS {d:.3f}  PSNR {p:.1f} dB" for d, p in zip(lpips, psnr, strict=True)
    ]
    for index, (name, picture, caption) in enumerate(
        zip(names, np.asarray(shown), captions, strict=True)
    ):
        images.write(output / f"{name}.png", picture)
        print(f"{name}: {caption}, {int(tuning.num_steps[index])} steps")
        if not config.shares_weights:
            tuned = pivotal.tuned_generator(models.generator, tuning, config, index)
            path = output / f"{name}.difference.npz"
            differences.save(tuned, models.generator, path, parent_sha256=source.sha256)
    if config.shares_weights:
        tuned = pivotal.tuned_generator(models.generator, tuning, config)
        origin = {"parent_sha256": source.sha256, "tuned": "pivotal"}
        bundles.save(tuned, output / "generator", provenance=origin)
    sheet = contact_sheet.comparison(
        list(np.asarray(targets)),
        list(np.asarray(shown)),
        names=names,
        captions=captions,
    )
    images.write(output / "contact_sheet.png", sheet)


if __name__ == "__main__":
    command_line.run(main)
