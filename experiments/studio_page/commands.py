"""The command line that does what the page does, ready to copy."""

import shlex
from collections.abc import Mapping, Sequence


def line(binary: str, *arguments: str, **options: object) -> str:
    """A command line.

    Args:
      binary: of `experiments`.
      *arguments: positional.
      **options: flags by name; None, "" and False are left out.

    Returns:
      Quoted for a shell.
    """
    words = ["python", "-m", f"experiments.{binary}", *arguments]
    for name, value in options.items():
        if value is None or value == "" or value is False:
            continue
        words.append(f"--{name}" if value is True else f"--{name}={_text(value)}")
    return " ".join(shlex.quote(word) for word in words)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def encode(
    names: Sequence[str],
    *,
    generator: str | None,
    preset: str,
    space: str | None,
    steps: int | None,
    align: str | None,
    networks: Mapping[str, str | None],
) -> str:
    """What inverts pictures as the page does, to the same bits."""
    shared = {
        "align": align,
        "generator": generator,
        **networks,
        "preset": preset,
        "space": space,
        "iterations": steps,
    }
    if len(names) == 1:
        stem = names[0].rpartition(".")[0] or names[0]
        return line("encode_image", names[0], f"{stem}.npy", **shared)
    return line("encode_image", images="PICTURES", output_dir="inverted", **shared)


def amounts(strengths: Mapping[str, float]) -> str:
    """An edit as `--directions` takes it: "smile=2,age=-1"."""
    return ",".join(f"{name}={amount:g}" for name, amount in strengths.items())


def edit(
    name: str,
    strengths: Mapping[str, float],
    *,
    generator: str | None,
    rows: str | None,
    psi: float,
    paste_back: bool = False,
) -> str:
    """What draws an edited code; without an edit, what draws the code itself."""
    codes = f"{name}.npz"
    shared = {
        "generator": generator,
        "truncation_psi": None if psi == 1 else psi,
        "paste_back": paste_back,
    }
    if not strengths:
        return line("generate", codes=codes, **shared, output_dir="pictures")
    return line(
        "edit",
        codes=codes,
        directions=amounts(strengths),
        rows=rows,
        **shared,
        steps=1,
        start_distance=1,
        end_distance=1,
        output_dir="edited",
    )


def morph(names: Sequence[str], *, generator: str | None, **options: object) -> str:
    """What films, or draws, a path through codes."""
    codes = ",".join(f"{name}.npz" for name in names)
    return line(
        "morph", codes=codes, generator=generator, output_dir="morph", **options
    )


def seeds(text: str, psi: float, *, generator: str | None) -> str:
    """What draws seeds."""
    return line(
        "generate",
        seeds=text,
        truncation_psi=None if psi == 1 else psi,
        generator=generator,
        output_dir="pictures",
    )


def latent_map(kind: str, names: Sequence[str], *, generator: str | None) -> str:
    """What draws a map of the latent space with codes on it."""
    codes = ",".join(f"{name}.npz" for name in names)
    return line(
        "draw_latents",
        generator=generator,
        methods=kind,
        codes=codes,
        output_dir="latents",
    )
