import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import converters
from experiments.launch import command_line, signals
from jax_encoder.alignment import landmarks
from jax_encoder.errors import InputError

_PROGRAM = '''
"""Says what it was given."""
from absl import flags
import converters
from experiments.launch import command_line, signals
from jax_encoder.alignment import landmarks
from jax_encoder.errors import InputError
_VIDEO = flags.DEFINE_boolean("video", False, "Write a film.")
_STEPS = flags.DEFINE_integer("num_steps", 3, "Steps.", lower_bound=1)

def main(argv):
    if len(argv) > 3:
        raise command_line.UsageError("Too many arguments.")
    if "fail" in argv:
        raise command_line.Failure("It failed.")
    if "disk" in argv:
        raise OSError("No disk.")
    print(argv[1:], _VIDEO.value, _STEPS.value)
    return 1 if "half" in argv else None

command_line.run(main)
'''


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("program") / "say.py"
    path.write_text(_PROGRAM)

    def call(*arguments):
        environment = {**os.environ, "PYTHONPATH": os.getcwd()}
        environment["XDG_CACHE_HOME"] = str(path.parent)
        done = subprocess.run(
            [sys.executable, str(path), *arguments],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return call


def test_success_and_partial_failure(program):
    expected = (1, "['a.png', 'half'] True 5\n", "")
    assert program("a.png", "--num_steps=5", "half", "--video", "true") == expected


def test_failures_show_the_message_only(program):
    assert program("fail") == (1, "", "say: It failed.\n")


def test_bad_usage(program):
    for arguments, message in (
        (["--num_steps=0"], "0 is not a positive integer"),
        (["--nonsense"], "nonsense"),
        (["a", "b", "c"], "Too many arguments"),
    ):
        code, _, stderr = program(*arguments)
        assert code == 2, stderr
        assert message in stderr
        assert "Traceback" not in stderr


def test_help(program):
    code, stdout, _ = program("--help")
    assert code == 0
    for part in ("Says what", "Write a film", "Steps.", "compilation_cache_dir"):
        assert part in stdout


def test_the_cache_directory(tmp_path, monkeypatch):
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_entry_size_bytes",
        "jax_persistent_cache_min_compile_time_secs",
    )
    before = {name: getattr(jax.config, name) for name in names}
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.delenv("JAX_ENCODER_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "file").write_bytes(b"")
    enable = command_line.enable_compilation_cache
    try:
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(3), raising=False)
        compiled = tmp_path / "jax_encoder" / "programs"
        assert enable() == compiled / "processors_3"
        assert enable(str(tmp_path / "x")) == tmp_path / "x"
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "x")
        assert enable(str(tmp_path / "file" / "x")) is None
        monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path / "y"))
        assert enable() == tmp_path / "y"
        assert enable("") is None
        assert jax.config.jax_compilation_cache_dir is None
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


@pytest.mark.parametrize("text", ["0.5", "0.5:x", "0.7:64,0.6:128", "-0.1:64"])
def test_refuses_bad_stages(text):
    with pytest.raises(command_line.UsageError, match=r"Stages read|Shares must"):
        command_line.parse_stages(text)


def test_reads_stages():
    assert command_line.parse_stages("") == ()
    assert command_line.parse_stages("0.3:64,0.5:128") == ((0.3, 64), (0.5, 128))


def _raise(error):
    raise error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("it is wrong"), 2),
        (landmarks.FaceError("it is wrong"), 2),
        (converters.ConversionError("it is wrong"), 2),
        (command_line.UsageError("it is wrong"), 2),
        (command_line.Failure("it is wrong"), 1),
        (signals.Stopped(15), 143),
    ],
)
def test_what_a_person_did_is_a_sentence(error, code, capfd):
    assert command_line._exit_code(lambda argv: _raise(error), ["a/name.py"]) == code
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert ("it is wrong" if code < 3 else "interrupted") in said


@pytest.mark.parametrize(
    "work",
    [
        lambda: np.stack([np.ones(2), np.ones(3)]),
        lambda: jnp.broadcast_to(jnp.ones(3), (2,)),
        lambda: int("x"),
        lambda: _raise(ValueError("nobody's refusal")),
    ],
)
def test_a_defect_shows_itself(work):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        command_line._exit_code(lambda argv: work(), ["name"])
    assert not isinstance(caught.value, InputError)
