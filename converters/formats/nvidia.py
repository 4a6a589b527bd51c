"""NVIDIA's pickles: stylegan2-ada-pytorch, and StyleGAN2 from the stylegan3 code.

The published pickles hold {"G", "D", "G_ema", ...}; pivotal tuning saves one generator.
"""

from flax import nnx

from converters import conversion_errors
from converters.formats import checkpoint_layouts, persistence, stylegan2_layouts
from converters.readers.records import Record
from jax_encoder.nn import stylegan2 as networks
from jax_encoder.nn import stylegan2_discriminator

PARTS = ("G_ema", "G", "D")
_NOTHING = {"_parameters": {}, "_buffers": {}}


def modules(tree: object) -> dict[str, Record]:
    """The networks of a pickle by part, the averaged generator first."""
    if persistence.is_module(tree):
        if tree.class_name == "SynthesisNetwork":  # the rest was left out
            tree = Record(
                tree.kind, "Generator", {**_NOTHING, "_modules": {"synthesis": tree}}
            )
        return {"D" if tree.class_name == "Discriminator" else "G_ema": tree}
    if not isinstance(tree, dict):
        return {}
    return {part: tree[part] for part in PARTS if persistence.is_module(tree.get(part))}


def missing(tree: object) -> str:
    """What the tree lacks to be such a pickle; for `checkpoint_layouts.Kind`."""
    return "" if modules(tree) else "pickled modules 'G_ema', 'G' or 'D' of NVIDIA"


def _recognize(tree: object) -> bool:
    found = modules(tree)
    generators = [found[part] for part in ("G_ema", "G") if part in found]
    if generators:
        synthesis = persistence.submodules(generators[0]).get("synthesis")
        return synthesis is not None and "b4" in persistence.submodules(synthesis)
    return "D" in found


def _build(tree: object, part: str | None, gaps: checkpoint_layouts.Gaps) -> nnx.Module:
    found = modules(tree)
    part = part or next(iter(found))
    if part == "D":
        return discriminator(found[part])
    if "mapping" not in persistence.submodules(found[part]):
        gaps.assumed["mapping"] = "none: the file has the synthesis network alone"
    return generator(found[part])


def generator(record: Record) -> networks.StyleGAN2Generator:
    """Makes a StyleGAN2 generator out of the pickled one.

    Raises:
      ConversionError: it does not fit.
    """
    arrays = persistence.state_dict(record)
    inner = persistence.submodules(record)
    if "synthesis" not in inner:
        missing = sorted({"mapping", "synthesis"} - set(inner))
        raise conversion_errors.ConversionError(
            f"the pickled {record.class_name} has no module {' and no '.join(missing)}"
        )
    _check_activations(record, tuple(set(inner) & {"mapping", "synthesis"}))
    clamp = top_clamp(persistence.submodule(record, "synthesis"), "conv1")
    return stylegan2_layouts.generator(
        arrays,
        stylegan2_layouts.GeneratorSettings(
            conv_clamp=clamp,
            lr_multiplier=(
                lr_multiplier(inner["mapping"]) if "mapping" in inner else 0.01
            ),
            taps=stylegan2_layouts.taps(
                arrays.get("synthesis.b8.conv0.resample_filter")
            ),
        ),
    )


def discriminator(record: Record) -> stylegan2_discriminator.StyleGAN2Discriminator:
    """Makes a StyleGAN2 discriminator out of the pickled one (also StyleGAN3's).

    Raises:
      ConversionError: it does not fit.
    """
    arrays = persistence.state_dict(record)
    inner = persistence.submodules(record)
    _check_activations(record, tuple(inner))
    epilogue = persistence.submodules(persistence.submodule(record, "b4"))
    group_size: int | None = 4
    if "mbstd" in epilogue:
        group_size = persistence.setting(
            epilogue["mbstd"], "group_size", (int, type(None)), 4
        )
    return stylegan2_layouts.discriminator(
        arrays,
        stylegan2_layouts.DiscriminatorSettings(
            conv_clamp=top_clamp(record, "conv0"),
            taps=stylegan2_layouts.taps(arrays.get("b8.conv1.resample_filter")),
            group_size=group_size,
            mapping_lr_multiplier=(
                lr_multiplier(inner["mapping"]) if "mapping" in inner else 0.01
            ),
        ),
    )


def lr_multiplier(mapping: Record) -> float:
    """The learning rate multiplier of a mapping network: its layers' bias gain."""
    layers = persistence.submodules(mapping)
    if "fc0" not in layers:
        return 0.01
    return float(persistence.setting(layers["fc0"], "bias_gain", (int, float), 0.01))


def top_clamp(network: Record, layer: str) -> float | None:
    """The clamp of a layer in the block of the highest resolution."""
    blocks = persistence.submodules(network)
    sides = [int(name[1:]) for name in blocks if name[1:].isdecimal() and len(name) < 7]
    if not sides:
        raise conversion_errors.ConversionError("the network has no blocks")
    found = persistence.submodule(network, f"b{max(sides)}.{layer}")
    clamp = persistence.setting(found, "conv_clamp", (int, float, type(None)), None)
    return None if clamp is None else float(clamp)


def _check_activations(record: Record, paths: tuple[str, ...]) -> None:
    """Refuses networks trained with an activation other than leaky ReLU."""
    waiting = [persistence.submodule(record, path) for path in paths]
    for _ in range(10_000):
        if not waiting:
            return
        module = waiting.pop()
        activation = module.get("activation", "lrelu")
        if not isinstance(activation, str) or activation not in ("lrelu", "linear"):
            shown = activation[:40] if isinstance(activation, str) else "?"
            raise conversion_errors.ConversionError(
                f"activation {shown!r} of a {module.class_name}; only 'lrelu' is known"
            )
        waiting += persistence.submodules(module).values()
        if len(waiting) > 10_000:
            break
    raise conversion_errors.ConversionError("the modules hold each other")


KIND = checkpoint_layouts.Kind(
    name="nvidia_stylegan2",
    description="StyleGAN2 pickle of stylegan2-ada-pytorch or stylegan3 (NVIDIA)",
    recognize=_recognize,
    missing=missing,
    parts=lambda tree: tuple(modules(tree)) or PARTS,
    build=_build,
)
