"""What a job makes of presets and flags."""

import pytest

from experiments.runs import jobs, presets
from jax_encoder.nn import stylegan1, stylegan2


def _config(resolution, architecture="skip"):
    channels = (8,) * (resolution.bit_length() - 2)
    return stylegan2.GeneratorConfig(
        resolution=resolution, channels=channels, architecture=architecture
    )


def test_large_generators_with_skips_begin_coarsely():
    assert jobs._renders_coarsely(_config(1024))
    assert not jobs._renders_coarsely(_config(512))
    assert not jobs._renders_coarsely(_config(1024, "resnet"))
    other = stylegan1.GeneratorConfig(resolution=1024, channels=(8,) * 10)
    assert not jobs._renders_coarsely(other)
    for preset in presets.PRESETS:
        sides = {stage.resolution for stage in preset.coarse}
        assert sides <= set(_config(1024).resolutions)


def test_coarse_stages_that_a_generator_has_not_are_refused():
    config = presets.get("default").config
    staged = jobs.override(config, {"stages": presets.get("default").coarse})
    jobs._check_stages(_config(1024), staged)
    with pytest.raises(ValueError, match=r"has the resolutions .* not \[256\]"):
        jobs._check_stages(_config(128), staged)
    with pytest.raises(ValueError, match="only StyleGAN2 with output skips"):
        jobs._check_stages(_config(1024, "resnet"), staged)
