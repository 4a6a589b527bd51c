import os
import pathlib
import subprocess
import sys

from experiments.launch import console

ROOT = pathlib.Path(__file__).parents[3]


def run(*arguments, place):
    return subprocess.run(
        [sys.executable, "-m", "experiments", *arguments],
        capture_output=True,
        text=True,
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


def test_alone_it_lists_every_binary_with_a_sentence():
    text = console.overview()
    for path in (ROOT / "experiments").glob("[!_]*.py"):
        assert f"  {path.stem}" in text
    assert "encode_image        Finds the latent codes of pictures." in text


def test_it_works_from_any_directory(tmp_path):
    done = run("render-faces", "--num=1", "--resolution=8", place=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "faces" / "000000.png").exists()


def test_bad_usage_is_two_lines(tmp_path):
    for arguments in (
        ["nope"],
        ["generate", "--truncation_psi=nan"],
        ["generate", "x"],
    ):
        done = run(*arguments, place=tmp_path)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 2, done.stderr
    assert (
        "truncation_psi"
        in run("generate", "--truncation_psi=nan", place=tmp_path).stderr
    )


def test_help_of_a_binary(tmp_path):
    done = run("generate", "--help", place=tmp_path)
    assert done.returncode == 0
    assert "--truncation_psi" in done.stdout
