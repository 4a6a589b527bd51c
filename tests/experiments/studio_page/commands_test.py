"""Command lines are ready for a shell."""

import shlex

from experiments.studio_page import commands


def test_one_picture_reads_as_the_older_tools_have_it():
    line = commands.encode(
        ["my photo.png"],
        generator=None,
        preset="fast",
        space=None,
        steps=None,
        align="ffhq",
        networks={"lpips": None},
    )
    assert shlex.split(line) == [
        *("python", "-m", "experiments.encode_image", "my photo.png"),
        *("my photo.npy", "--align=ffhq", "--preset=fast"),
    ]


def test_several_pictures_are_inverted_in_batches():
    line = commands.encode(
        ["a.png", "b.png"],
        generator="ffhq",
        preset="default",
        space="w",
        steps=20,
        align="",
        networks={"lpips": "lpips_vgg"},
    )
    words = shlex.split(line)
    assert {"--images=PICTURES", "--space=w", "--iterations=20"} <= set(words)
    assert not any(word.startswith("--batch_size") for word in words)
    assert {"--generator=ffhq", "--lpips=lpips_vgg"} <= set(words)
    assert not any(word.startswith("--align") for word in words)


def test_an_edit_and_the_code_itself():
    strengths = {"smile": 2.0, "age": -0.55}
    line = commands.edit("me", strengths, generator=None, rows="0-3", psi=0.7)
    assert "--directions=smile=2,age=-0.55" in shlex.split(line)
    assert "--rows=0-3" in line
    assert "--truncation_psi=0.7" in line
    assert "experiments.generate" in commands.edit(
        "me", {}, generator=None, rows=None, psi=1.0
    )


def test_hostile_names_stay_one_word():
    line = commands.morph(["a; rm -rf x", "b"], generator=None, film="gif")
    assert "--codes=a; rm -rf x.npz,b.npz" in shlex.split(line)
