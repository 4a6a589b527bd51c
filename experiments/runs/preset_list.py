"""The presets as text: what each does, with its values and where they come from."""

import dataclasses

from jax_encoder.inversion import presets


def describe(preset: presets.Preset) -> str:
    """A preset in some lines: its name, its source, and every value it sets.

    Args:
      preset: one of `presets.PRESETS`.

    Returns:
      Lines of text, the values that are the engine's defaults left out.
    """
    config = preset.config
    values = {
        "space": config.space,
        "start": preset.start,
        "steps": config.num_steps,
        "optimizer": config.optimizer,
        "schedule": config.schedule,
        "terms": config.terms,
    }
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name not in (*values, "num_steps") and not _is_default(field, value):
            values[field.name] = value
    for name in ("weight_grid", "num_trial_steps", "pivotal", "coarse"):
        if getattr(preset, name):
            values[name] = getattr(preset, name)
    lines = [preset.name, f"    source: {preset.source}"]
    return "\n".join(lines + [f"    {k}: {_say(v)}" for k, v in values.items()])


def table() -> str:
    """All presets, one after the other."""
    return "\n\n".join(map(describe, map(presets.get, presets.names())))


def _is_default(field: dataclasses.Field, value: object) -> bool:
    if field.default_factory is not dataclasses.MISSING:
        return value == field.default_factory()
    return value == field.default


def _say(value: object) -> str:
    """A value as text; of a part its kind and what differs from the kind's defaults."""
    if dataclasses.is_dataclass(value):
        parts = [
            f"{field.name}={_say(getattr(value, field.name))}"
            for field in dataclasses.fields(value)
            if field.name in ("weight", "learning_rate")
            or not _is_default(field, getattr(value, field.name))
        ]
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, tuple | list):
        return ", ".join(map(_say, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
