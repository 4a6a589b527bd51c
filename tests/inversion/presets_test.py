"""Presets: how they are found and changed, and how they suit a generator."""

import dataclasses

import optax
import pytest

from jax_encoder.inversion import presets
from jax_encoder.nn import stylegan1, stylegan2


def _config(resolution, architecture="skip"):
    channels = (8,) * (resolution.bit_length() - 2)
    return stylegan2.StyleGAN2Config(
        resolution=resolution, channels=channels, architecture=architecture
    )


def test_large_generators_with_skips_begin_coarsely():
    preset = presets.get("default")

    def stages(config):
        return preset.fitted(config).config.stages

    assert stages(_config(1024)) == preset.coarse
    assert not stages(_config(512))
    assert not stages(_config(1024, "resnet"))
    assert not stages(stylegan1.StyleGAN1Config(resolution=1024, channels=(8,) * 10))
    for preset in presets.PRESETS:
        sides = {stage.resolution for stage in preset.coarse}
        assert sides <= set(_config(1024).resolutions)


def test_coarse_stages_that_a_generator_has_not_are_refused():
    preset = presets.get("default")
    staged = preset.changed(stages=preset.coarse)
    staged.fitted(_config(1024))
    with pytest.raises(ValueError, match=r"has the resolutions .* not \[256\]"):
        staged.fitted(_config(128))
    with pytest.raises(ValueError, match="only StyleGAN2 with output skips"):
        staged.fitted(_config(1024, "resnet"))
    assert not preset.changed(stages=()).fitted(_config(1024)).config.stages


def test_changes_reach_what_they_name():
    preset = presets.get("pti").changed(
        num_steps=7, learning_rate=0.5, tuning_steps=3, noise=None
    )
    assert preset.config.num_steps == 7
    assert preset.config.schedule.learning_rate == 0.5
    assert preset.config.noise == "optimize"
    assert preset.pivotal.num_steps == 3
    # A line search has a first trial instead of a rate.
    searching = presets.get("faithful").changed(learning_rate=0.5).config
    assert dict(searching.optimizer_options) == {"memory": 100, "first_step": 0.5}
    stepping = presets.get("faithful").changed(
        optimizer="adam", optimizer_options=(), learning_rate=0.5
    )
    assert stepping.config.schedule.learning_rate == 0.5
    layered = presets.get("hallberg").changed(vgg_layer="relu1_2")
    assert layered.config.terms[0].layer == "relu1_2"


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("default", {"tuning_steps": 3}, "default tunes no generator"),
        ("default", {"vgg_layer": 3}, "compares no single layer"),
        ("default", {"steps": 3}, r"no \['steps'\]"),
        ("default", {"num_steps": -1}, "must not be negative"),
        ("stylegan3-encoding", {"terms": presets.get("ii2s").config.terms}, "the 3 te"),
    ],
)
def test_changes_without_a_place_are_refused(name, changes, message):
    with pytest.raises(ValueError, match=message):
        presets.get(name).changed(**changes)


def test_a_schedule_without_a_rate_cannot_be_changed():
    preset = presets.get("ii2s").changed(schedule=optax.cosine_decay_schedule(1, 2))
    with pytest.raises(ValueError, match="give another `schedule`"):
        preset.changed(learning_rate=0.1)


def test_presets_can_be_added(monkeypatch):
    monkeypatch.setattr(presets, "_OWN", dict(presets._OWN))
    own = dataclasses.replace(presets.get("default"), name="own")
    assert presets.register(own) == presets.get("own")
    assert "own" in presets.names()
    with pytest.raises(ValueError, match="another preset 'own'"):
        presets.register(own.changed(num_steps=1))
    with pytest.raises(ValueError, match="no preset 'none'; there are default,"):
        presets.get("none")


def test_z_begins_at_seeds():
    preset = presets.get("default").changed(space="z")
    assert preset.fitted(_config(64)).start == "seeds"
    assert presets.get("hallberg").fitted(_config(64)).start == "zeros"
