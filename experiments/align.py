r"""Aligns photographs of faces as a generator's training pictures were.

    python -m experiments.align --images=photos --output_dir=aligned --align=ffhq

writes `<name>.png` for the largest face of every photograph (`<name>_0.png`,
`<name>_1.png`... with --face=all), and `frames.json`: where each lies in its
photograph. `experiments.encode_image --images=aligned` keeps that with the codes, so
that what is rendered from them can be pasted back.

The landmarks are found by dlib (`pip install 'jax_encoder[align]'`; its model was
trained on 300-W, which excludes commercial use), by MediaPipe with a model of yours, or
come from a file:

    python -m experiments.align --images=photos --output_dir=aligned --align=demo \
      --landmarks=points.json --output_size=64

Exit code: 0 all done, 1 some photographs failed (each is named with the reason), 2 bad
usage.
"""

import pathlib

from absl import flags

from experiments.aligning import flags as aligning_flags
from experiments.aligning import photographs
from experiments.launch import command_line, flag_types, outputs
from jax_encoder.alignment import detectors, landmarks
from jax_encoder.errors import InputError
from jax_encoder.io import images

_IMAGES = flags.DEFINE_string("images", None, "A directory or pattern of photographs.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where to write.")
_OUTPUT_SIZE = flag_types.define_integer(
    "output_size",
    None,
    "Side of the pictures; default: 1024 (ffhq, center), 224 (vggface), 64 (demo).",
    lower_bound=8,
    upper_bound=8192,
)

flags.adopt_module_key_flags(aligning_flags)


def main(argv):
    """Aligns photographs; returns the exit code."""
    settings = aligning_flags.settings()
    if len(argv) > 1 or not (_IMAGES.value and _OUTPUT_DIR.value and settings):
        raise command_line.UsageError("Give --images, --output_dir and --align.")
    output = pathlib.Path(_OUTPUT_DIR.value)
    try:
        paths = images.find(_IMAGES.value)
        if any(path.parent.resolve() == output.resolve() for path in paths):
            raise InputError("The photographs are in --output_dir: choose another.")
        outputs.claim(output)
        outcome = photographs.align(
            paths, output, settings, output_size=_OUTPUT_SIZE.value
        )
    except (detectors.DetectorError, landmarks.FaceError) as error:
        raise command_line.Failure(str(error)) from error
    except InputError as error:
        raise command_line.UsageError(str(error)) from error
    num_good = len(paths) - len(outcome.refused)
    print(
        f"{num_good} of {len(paths)} photographs aligned, {len(outcome.frames)} faces:"
        f" {output}"
    )
    return int(bool(outcome.refused))


if __name__ == "__main__":
    command_line.run(main)
