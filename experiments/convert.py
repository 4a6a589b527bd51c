"""Converts a checkpoint of another program into a bundle.

    python -m experiments.convert --source=stylegan2-ffhq-config-f.pkl --output_dir=ffhq
    python -m experiments.convert --source=stylegan2-ada-afhqcat --output_dir=cats
    python -m experiments.convert --source=vgg16-397923af.pth --heads=vgg.pth \
      --output_dir=lpips_vgg
    python -m experiments.convert --list

A source is a file, or a name of the zoo (`--list`), which is downloaded. The format is
recognized by content; nothing in the file is run. The weights keep their license.
"""

import os

from absl import flags

from converters.zoo import catalog as zoo
from experiments.launch import command_line
from experiments.networks import conversion

_SOURCE = flags.DEFINE_string(
    "source", None, "A checkpoint file, or a name of the zoo."
)
_OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Where the bundle goes.")
_KIND = flags.DEFINE_string("kind", None, "The format, where content cannot tell it.")
_PART = flags.DEFINE_string(
    "part",
    None,
    'Which network of the file to take, such as "D"; default: the generator.',
)
_HEADS = flags.DEFINE_string(
    "heads",
    None,
    "The heads of LPIPS, a file or a name of the zoo, for the trunk --source.",
)
_ASSUME = flags.DEFINE_multi_string(
    "assume",
    [],
    "NAME=VALUE: a value that the file lacks, such as lr_multiplier=0.1,"
    " conv_clamp=256, group_size=4, noise_seed=1; the summary names what was assumed.",
)
_DTYPE = flags.DEFINE_enum(
    "dtype",
    None,
    ["float32", "float16", "bfloat16"],
    "The type in which the weights are stored.",
)
_LICENSE = flags.DEFINE_string(
    "license", None, "The license of the weights, which the bundle notes."
)
_SHA256 = flags.DEFINE_string(
    "sha256", None, "The digest that the file must have; 64 hexadecimal digits."
)
_OFFLINE = flags.DEFINE_bool(
    "offline", False, "Download nothing; as JAX_ENCODER_OFFLINE=1 in the environment."
)
_LIST = flags.DEFINE_bool("list", False, "List the zoo and stop.")


def main(argv):
    """Converts; returns the exit code."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    if _LIST.value:
        for entry in zoo.ENTRIES.values():
            size = f"{entry.size:,} bytes" if entry.size else "size not known"
            print(f"{entry.name}: {entry.file}, {size}; {entry.license}")
        for name, (trunk, heads) in zoo.PAIRS.items():
            print(f"{name}: {trunk} with {heads}, joined")
        return 0
    if not _SOURCE.value or not _OUTPUT_DIR.value:
        raise command_line.UsageError("Give --source and --output_dir.")
    if _OFFLINE.value:
        os.environ[zoo.OFFLINE] = "1"
    found = conversion.convert(
        _SOURCE.value,
        kind=_KIND.value,
        part=_PART.value,
        heads=_HEADS.value,
        given=conversion.parse_given(_ASSUME.value),
        license_text=_LICENSE.value,
        sha256=_SHA256.value,
    )
    conversion.save(found, _OUTPUT_DIR.value, _DTYPE.value)
    print(conversion.summarize(found))
    print(f"Wrote the bundle {_OUTPUT_DIR.value}.")
    return 0


if __name__ == "__main__":
    command_line.run(main)
