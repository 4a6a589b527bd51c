r"""Opens the studio: invert, edit, morph and explore on a page in the browser.

    python -m experiments.studio

prints the address of a page on this machine. Drop photographs, or take the examples,
watch their codes being found, edit them with sliders, morph between them, save films
and codes. Without --generator: the demo generator of the package.

    python -m experiments.studio --generator=ffhq --lpips=lpips_vgg --vgg=vgg16

Nothing leaves this machine, and no other machine can see the page. With --host it can:
visitors then need the token that is printed (or --token), see only what is their own,
and choose among the generators named here. Their files are gone when they are.

Exit code: 0 stopped by Ctrl-C, 1 a network cannot be read or the port is taken, 2 bad
usage.
"""

import webbrowser

from absl import flags

from experiments.launch import command_line, flag_types

_GENERATOR = flags.DEFINE_multi_string(
    "generator", [], "A bundle, checkpoint or zoo name; may be repeated."
)
_LPIPS = flags.DEFINE_string("lpips", None, "Perceptual network; default: the demo's.")
_VGG = flags.DEFINE_string("vgg", None, "Feature network; default: the demo's.")
_IDENTITY = flags.DEFINE_string(
    "identity", None, "Identity network; default: the demo's."
)
_ENCODER = flags.DEFINE_string(
    "encoder", None, "The encoder of the presets encoder and fast."
)
_HOST = flags.DEFINE_string(
    "host", None, "Address to listen on, such as 0.0.0.0; default: this machine only."
)
_TOKEN = flags.DEFINE_string(
    "token", None, "What visitors must know, with --host; default: a random one."
)
_PORT = flag_types.define_integer(
    "port", 7860, "The port to listen on; 0 for any that is free.", 0, 65_535
)
_OPEN = flags.DEFINE_boolean("open", False, "Open the page in the browser.")
_MAX_MB = flag_types.define_integer(
    "max_upload_mb", 32, "The most megabytes that an uploaded file may have.", 1, 1024
)
_IDLE = flag_types.define_number(
    "idle_minutes", 30.0, "After how many silent minutes a visit ends.", 0.1, 1e4
)


def main(argv):
    """Serves until it is stopped."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    try:
        from experiments.studio_page import opening
    except ImportError as error:
        raise command_line.Failure(
            f"The studio needs the `ui` extra ({error.name} is missing):"
            " pip install 'jax_encoder[ui]'."
        ) from error
    networks = {
        "lpips": _LPIPS.value,
        "vgg": _VGG.value,
        "identity": _IDENTITY.value,
        **({"encoder": _ENCODER.value} if _ENCODER.value else {}),
    }
    return opening.serve(
        generators=_GENERATOR.value,
        networks=networks,
        host=_HOST.value,
        port=_PORT.value,
        token=_TOKEN.value,
        max_bytes=_MAX_MB.value << 20,
        idle_seconds=60.0 * _IDLE.value,
        on_ready=webbrowser.open if _OPEN.value else lambda address: None,
    )


if __name__ == "__main__":
    command_line.run(main)
