"""What a step of an encoder's training minimizes, and the gradient of it."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from jax_encoder.nn import base, frozen
from jax_encoder.ops import resize
from jax_encoder.training import batch_norms, encoder_losses


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class Batch:
    """Pictures, with the codes that render them where these are known.

    Attributes:
      images: `[N, R, R, 3]` in [-1, 1], at the generator's resolution.
      ws: `[N, num_ws, w_dim]`; anything where the code is not known.
      is_known: `[N]`, one where the code is known, else zero.
    """

    images: jax.Array
    ws: jax.Array
    is_known: jax.Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderNetworks:
    """What does not change while an encoder learns.

    Attributes:
      encoder, judge: architectures of what does.
      generator: renders codes.
      lpips, identity: compare pictures; None where they do not count.
      latent_avg: `[num_ws, w_dim]`, what the encoder's output is relative to.
      metric: `[w_dim, w_dim]` of the loss of codes, or None.
    """

    encoder: nnx.GraphDef
    judge: nnx.GraphDef
    generator: base.Generator
    lpips: base.PerceptualDistance | None
    identity: base.Embedder | None
    latent_avg: jax.Array
    metric: jax.Array | None

    @property
    def num_ws(self) -> int:
        """How many rows codes have."""
        return self.latent_avg.shape[0]


jax.tree_util.register_dataclass(
    EncoderNetworks,
    data_fields=["generator", "lpips", "identity", "latent_avg", "metric"],
    meta_fields=["encoder", "judge"],
)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderOutputs:
    """The gradient of a step.

    Attributes:
      gradient: like the weights.
      buffers: the encoder's other variables, moved.
      report: the losses by name.
      ws: `[N, num_ws, w_dim]`, the codes that were found.
    """

    gradient: base.Tree
    buffers: base.Tree
    report: dict[str, jax.Array]
    ws: jax.Array


def gradients(
    state: base.Tree, networks: EncoderNetworks, batch: Batch, stage, config
) -> EncoderOutputs:
    """Adds up the gradients of a batch's parts and of the looks at each.

    Args:
      state: an `EncoderState`.
      networks: what does not change.
      batch: the pictures.
      stage: the last unlocked row, a scalar.
      config: an `EncoderConfig`.

    Returns:
      the mean over parts of the sum over looks.
    """
    networks = dataclasses.replace(
        networks,
        **frozen.prepare(
            {
                name: getattr(networks, name)
                for name in ("generator", "lpips", "identity")
            }
        ),
    )
    parts = config.num_accumulated

    def split(x):  # Interleaved, so that every device keeps its own pictures.
        return jnp.swapaxes(x.reshape(-1, parts, *x.shape[1:]), 0, 1)

    def add(carry, part):
        total, buffers = carry
        found = _looks(state, buffers, networks, part, stage, config)
        total = jax.tree.map(lambda a, b: a + b / parts, total, found.gradient)
        return (total, found.buffers), (found.report, found.ws)

    start = (jax.tree.map(jnp.zeros_like, state.params), state.buffers)
    (total, buffers), (reports, ws) = _scan(
        add, start, jax.tree.map(split, batch), parts
    )
    return EncoderOutputs(
        gradient=total,
        buffers=buffers,
        report=jax.tree.map(lambda x: jnp.mean(x, axis=0), reports),
        ws=ws.reshape(-1, *ws.shape[2:]),
    )


def _looks(
    state, buffers, networks: EncoderNetworks, batch: Batch, stage, config
) -> EncoderOutputs:
    """Every look (ReStyle) has its own loss; codes are detached in between."""
    num = len(batch.images)
    before = jnp.broadcast_to(
        networks.latent_avg[None], (num, *networks.latent_avg.shape)
    )
    images = None
    if nnx.merge(networks.encoder, state.params, buffers).config.in_channels == 6:
        mean = networks.generator.synthesis(networks.latent_avg[None], "const")
        images = jnp.broadcast_to(mean, batch.images.shape)

    def look(carry, _):
        total, buffers, ws, images = carry
        judge = None if state.judge is None else state.judge.params
        objective = functools.partial(
            losses,
            buffers=buffers,
            judge=judge,
            networks=networks,
            batch=batch,
            before=ws,
            images=images,
            stage=stage,
            config=config,
        )
        gradient, (report, buffers, ws, rendered) = jax.grad(objective, has_aux=True)(
            state.params
        )
        total = jax.tree.map(jnp.add, total, gradient)
        images = None if images is None else rendered
        return (total, buffers, ws, images), report

    start = (jax.tree.map(jnp.zeros_like, state.params), buffers, before, images)
    (total, buffers, ws, _), reports = _scan(look, start, None, config.num_refinements)
    last = jax.tree.map(lambda x: x[-1], reports)
    return EncoderOutputs(gradient=total, buffers=buffers, report=last, ws=ws)


def _scan(body, carry, xs, length: int):
    """As `jax.lax.scan`; what runs once is no loop, which compiles faster."""
    if length > 1:
        return jax.lax.scan(body, carry, xs, length=length)
    carry, found = body(carry, jax.tree.map(lambda x: x[0], xs))
    return carry, jax.tree.map(lambda x: x[None], found)


def losses(
    params: base.Tree,
    *,
    buffers: base.Tree,
    judge: base.Tree,
    networks: EncoderNetworks,
    batch: Batch,
    before: jax.Array,
    images: jax.Array | None,
    stage: jax.Array | int,
    config: Any,
) -> tuple[jax.Array, base.Tree]:
    """The weighted total of one look.

    Args:
      params: the encoder's weights.
      buffers: its other variables.
      judge: the latent discriminator's weights, or None.
      networks: what does not change.
      batch: the pictures.
      before: `[N, num_ws, w_dim]`, the present codes.
      images: `[N, H, W, 3]` that they render, for encoders of six channels; else None.
      stage: the last unlocked row, a scalar.
      config: an `EncoderConfig`.

    Returns:
      the total, and aside: the losses by name, the moved variables, the new codes,
      and what they render (None where nothing needs it).
    """
    encoder = nnx.merge(networks.encoder, _cast(params, config), buffers)
    if config.norm == "batch":
        encoder = batch_norms.learning(encoder)
    inputs = [batch.images] if images is None else [batch.images, images]
    inputs = [x.astype(config.dtype) for x in inputs]
    offsets = encoder(*inputs).astype(jnp.float32)
    if encoder.config.is_progressive:
        offsets = encoder_losses.progressive(offsets, stage)
    ws = before + offsets
    rendered = None
    if config.weights.has_pictures or images is not None:
        rendered = _render(networks.generator, ws, config)
    terms = _terms(ws, rendered, judge, networks, batch, stage, config)
    total = encoder_losses.total(terms, config.weights)
    report = {f"loss/{name}": value for name, value in terms.items()}
    report["loss/total"] = total
    moved = jax.tree.map(lambda x: x.astype(jnp.float32), batch_norms.stored(encoder))
    return total, (report, moved, ws, rendered)


def _render(generator, ws, config):
    if config.dtype == "float32":
        return generator.synthesis(ws, "const")
    return generator.synthesis(ws, "const", dtype=config.dtype).astype(jnp.float32)


def _terms(ws, rendered, judge, networks, batch, stage, config):
    """The losses that count, by the names of their weights."""
    weights, terms = config.weights, {}
    if weights.has_pictures:
        found, wanted = (
            resize.at_most(x, config.loss_size) for x in (rendered, batch.images)
        )
        if weights.l2:
            terms["l2"] = encoder_losses.l2(found, wanted)
        if weights.lpips:
            terms["lpips"] = jnp.mean(networks.lpips(found, wanted))
        if weights.identity:
            embed = networks.identity.embed
            terms["identity"] = encoder_losses.identity(embed(found), embed(wanted))
    if weights.w_norm:
        terms["w_norm"] = encoder_losses.w_norm(ws, networks.latent_avg)
    if weights.delta:
        terms["delta"] = encoder_losses.delta(ws, stage)
    if weights.adversarial:
        discriminator = nnx.merge(networks.judge, judge)
        logits = jax.vmap(discriminator, in_axes=1, out_axes=1)(ws)[..., 0]
        terms["adversarial"] = encoder_losses.adversarial(logits, stage)
    if weights.code:
        terms["code"] = encoder_losses.code(
            ws, batch.ws, batch.is_known, networks.metric
        )
    return terms


def _cast(params, config):
    if config.dtype == "float32":
        return params
    return jax.tree.map(lambda x: x.astype(config.dtype), params)
