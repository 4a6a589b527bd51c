"""What every binary does at its start: flags, exit codes, the compilation cache.

Exit codes: 0 done, 1 something failed (a picture, a file), 2 bad usage.
"""

import functools
import gc
import logging as standard_logging
import os
import pathlib
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence

from absl import app, flags, logging

from experiments.launch import help_text, signals
from jax_encoder.errors import InputError

_CACHE = flags.DEFINE_string(
    "compilation_cache_dir",
    None,
    "Where compiled programs are kept, so that the next run starts at once; empty for"
    " none. Default: the environment's JAX_COMPILATION_CACHE_DIR, else programs in"
    " JAX_ENCODER_CACHE.",
)


_NO_VERIFY = flags.DEFINE_boolean(
    "no_verify",
    False,
    "Load bundles without comparing them with their digests: a little faster, and a"
    " damaged one goes unnoticed.",
)


def is_verifying() -> bool:
    """Whether bundles are compared with their digests, which --no_verify turns off."""
    return not (flags.FLAGS.is_parsed() and _NO_VERIFY.value)


class UsageError(app.UsageError):
    """The flags or arguments make no sense together; exit code 2."""

    def __init__(self, message: str):
        super().__init__(message, exitcode=2)


def refuse(unused: Iterable[flags.FlagHolder], why: str) -> None:
    """Refuses flags that were given and would change nothing.

    Args:
      unused: the flags that do not apply.
      why: a clause that follows "does not apply here:".

    Raises:
      UsageError: one of them was given.
    """
    given = [f"--{flag.name}" for flag in unused if flags.FLAGS[flag.name].present]
    if given:
        verb = "does" if len(given) == 1 else "do"
        raise UsageError(f"{', '.join(given)} {verb} not apply here: {why}.")


class Failure(Exception):
    """Something that the person must know went wrong; exit code 1, no traceback."""


def run(
    main: Callable[[Sequence[str]], int | None], groups: help_text.Groups | None = None
) -> None:
    """Parses the flags, calls `main` and exits.

    Args:
      main: takes the positional arguments, the program's name first; returns the exit
        code (None is 0). Of `UsageError` and `InputError` (exit code 2), and of
        `Failure` and `OSError` (exit code 1), only the message is shown; anything else
        is a defect and shows itself whole.
      groups: the flags as --help shows them; None for one group.
    """

    def guarded(argv: Sequence[str]) -> None:
        _quieten()
        if "resume" in flags.FLAGS:
            signals.name_remedy(
                "; the same command with --resume goes on from where it stopped"
            )
        _search_cycles_seldom()
        enable_compilation_cache(_CACHE.value)
        sys.exit(_exit_code(main, argv))

    signals.install()
    parse = functools.partial(_parse, groups=groups or {})
    app.run(guarded, flags_parser=parse)


def _exit_code(main: Callable[[Sequence[str]], int | None], argv: Sequence[str]) -> int:
    """Calls `main`, and says in a sentence what it refuses or where it stopped."""
    try:
        return main(argv) or 0
    except InputError as error:
        _complain(argv[0], error)
        return 2
    except app.UsageError as error:
        _complain(argv[0], error)
        return error.exitcode or 2
    except (Failure, OSError, ImportError, FloatingPointError) as error:
        print(f"{pathlib.Path(argv[0]).stem}: {error}", file=sys.stderr)
        return 1
    except signals.Stopped as stopped:
        signals.say_stopped()
        return stopped.code


def parse_stages(text: str) -> tuple[tuple[float, int], ...]:
    """Reads "0.3:64,0.3:256" as shares and resolutions; empty text is none.

    Args:
      text: of a flag.

    Returns:
      (share of the steps, resolution) of every stage.

    Raises:
      UsageError: it does not read so, or the shares exceed one.
    """
    stages = []
    for part in filter(None, text.split(",")):
        try:
            share, side = part.split(":")
            stages.append((float(share), int(side)))
        except ValueError:
            raise UsageError(
                f'Stages read "SHARE:RESOLUTION,...", got {part!r}.'
            ) from None
    if any(share <= 0 for share, _ in stages) or sum(s for s, _ in stages) > 1:
        raise UsageError(f"Shares must be positive and at most 1 in all: {text!r}.")
    return tuple(stages)


def _parse(argv: Sequence[str], groups: help_text.Groups) -> list[str]:
    """The positional arguments; prints the help or what is wrong with the flags."""
    for flag in flags.FLAGS.flags_by_module_dict()[__name__]:  # shown by --help
        flags.FLAGS.register_key_flag_for_module(argv[0], flag)
    helps = {"--help", "-help", "-h", "-?", "--helpshort"}
    if helps & set(argv[1:]):
        purpose = sys.modules["__main__"].__doc__ or ""
        print(help_text.render(argv[0], purpose, groups))
        sys.exit(0)
    try:
        return flags.FLAGS(_join_booleans(argv))
    except flags.Error as error:
        _complain(argv[0], error)
        sys.exit(2)


def _complain(program: str, error: Exception) -> None:
    """Says in two lines what is wrong with the flags, and where help is."""
    name = pathlib.Path(program).stem
    text = " ".join(str(error).split())
    print(f"{name}: {text}\nSee --help for the flags.", file=sys.stderr)


def _join_booleans(argv: Sequence[str]) -> list[str]:
    """Lets `--flag true` say `--flag=true`, as the scripts people come from do."""
    joined: list[str] = []
    for argument in argv:
        flag = joined[-1].lstrip("-") if joined and joined[-1].startswith("--") else ""
        is_switch = flag in flags.FLAGS and flags.FLAGS[flag].boolean
        if is_switch and argument.lower() in ("true", "false"):
            joined[-1] += f"={argument.lower()}"
        else:
            joined.append(argument)
    return joined


def _quieten() -> None:
    """Silences the libraries' chatter, unless --verbosity was given."""
    if not any(a.lstrip("-").startswith(("verbosity", "v=")) for a in sys.argv[1:]):
        logging.set_verbosity(logging.WARNING)
        standard_logging.getLogger("jax").setLevel(standard_logging.ERROR)
        plain = standard_logging.Formatter("%(message)s")  # no time, no line of code
        logging.get_absl_handler().setFormatter(plain)
        warnings.filterwarnings("ignore", module="orbax")


def _search_cycles_seldom() -> None:
    """Lets Python look for garbage less often.

    Tracing a large program makes millions of objects, of which few are garbage: to
    search them took a sixth of its time.
    """
    gc.freeze()
    gc.set_threshold(20_000, *gc.get_threshold()[1:])


def enable_compilation_cache(directory: str | None = None) -> pathlib.Path | None:
    """Keeps compiled programs on disk.

    Args:
      directory: where; "" for nowhere; None for the environment's
        `JAX_COMPILATION_CACHE_DIR`, or "programs" in `jax_encoder.io.caches`.

    Returns:
      The directory, or None when there is none or it cannot be made.
    """
    import jax

    from experiments.launch import programs
    from jax_encoder.io import caches

    if directory is None:
        directory = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    if directory is None:
        # What is compiled for one processor computes on one, wherever it is read again.
        processors = f"processors_{_num_processors()}"
        directory = os.fspath(caches.directory("programs") / processors)
    if not directory:
        jax.config.update("jax_compilation_cache_dir", None)
        return None
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError:
        return None
    jax.config.update("jax_compilation_cache_dir", directory)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)
    programs.replace_damaged(pathlib.Path(directory))
    return pathlib.Path(directory)


def _num_processors() -> int:
    """How many this process may use; systems that do not say offer all of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
