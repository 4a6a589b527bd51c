r"""Races ways to invert: one generator, one set of targets, equal evaluations or time.

    python -m experiments.race --contestants=adam,default,faithful --evaluations=300
    python -m experiments.race --contestants=default,torch-rosinality --seconds=60
    python -m experiments.race --generator=ffhq --lpips=lpips_vgg \
      --identity=ir_se50.pth --photographs=aligned --contestants=default,faithful,pti

Own samples of the generator, held-out renderings of the demo's world (demo only) and
photographs are inverted by presets (`encode_image --list_presets`), `adam` (`default`
before the second order), `adam-b2`, `default-encoder`, `default-seeds`, and by PyTorch
peers where torch is installed: `torch-nvidia` (W) and `torch-rosinality` (W+, MSE 10).
Judges are PSNR, SSIM, LPIPS, further LPIPS (--judges=TRUNK:HEADS), identity, the error
of attributes, the mean squared P_N, and edits of found codes against the true ones.
Writes race.json, table.md, evaluations.png, seconds.png, contact_sheet.png and, of
photographs, photographs.md: MSE, LPIPS, PSNR, SSIM, identity and seconds a picture
beside published rows, in their conventions (`experiments/racing/published.py`).
"""

from absl import flags

from experiments.launch import command_line, flag_types, outputs
from experiments.racing import (
    contest,
    contestants,
    race_models,
    race_report,
    race_targets,
)
from jax_encoder.errors import InputError

_CONTESTANTS = flags.DEFINE_list(
    "contestants", ["adam", "default"], "Presets that race."
)
_OWN = flag_types.define_integer("own", 4, "Samples of the generator.", 0)
_HELD_OUT = flag_types.define_integer("held_out", 6, "Renderings; demo only.", 0)
_PHOTOGRAPHS = flags.DEFINE_string("photographs", "", "A folder of aligned pictures.")
_EVALUATIONS = flag_types.define_integer(
    "evaluations", None, "Gradients each may compute; default: as its preset.", 1
)
_SECONDS = flag_types.define_number(
    "seconds", None, "Processor seconds each may take; default: any.", 0.1
)
_SEED = flag_types.define_seed("seed", 1000, "The seed of the targets.")
_OUTPUT_DIR = flags.DEFINE_string("output_dir", "race", "Where to write.")

flags.adopt_module_key_flags(race_models)


def main(argv):
    """Races; prints the table."""
    if len(argv) > 1:
        raise command_line.UsageError(f"Unexpected arguments: {argv[1:]}")
    try:
        racing = contestants.find(_CONTESTANTS.value)
    except InputError as error:
        raise command_line.UsageError(f"--contestants: {error}") from error
    racing, models, judges = race_models.load(racing)
    is_demo = race_models.is_demo()
    if not is_demo:
        command_line.refuse([_HELD_OUT], "the held-out world is that of the demo")
    targets = race_targets.draw(
        models,
        num_own=_OWN.value,
        num_held_out=_HELD_OUT.value if is_demo else 0,
        photographs=_PHOTOGRAPHS.value,
        seed=_SEED.value,
    )
    entries = []
    for contestant in racing:
        attempt = contest.enter(
            contestant,
            models,
            targets.pictures,
            num_steps=_EVALUATIONS.value,
            seconds=_SECONDS.value,
        )
        entries.append(judges.judge(attempt, targets))
    output = outputs.claim(_OUTPUT_DIR.value)
    text = race_report.write(
        entries,
        targets,
        output,
        about={"targets": targets.names, "evaluations": _EVALUATIONS.value},
        measures=judges.columns,
    )
    print(text)


if __name__ == "__main__":
    command_line.run(main)
