"""A network that reads the attributes of faces, and tells people apart.

A VGG is trained on renderings to predict every attribute that shows. Its last hidden
layer has two parts: the first, the embedding, predicts who it is (hair, features, age)
and must be equal for two pictures of the same person whose pose, expression, light,
glasses, clothes and background differ; the rest predicts those.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from jax_encoder.avatars import face_attributes, face_rendering
from jax_encoder.errors import InputError
from jax_encoder.nn import vgg
from jax_encoder.training import ema

_CIRCULAR = np.flatnonzero(face_attributes.IS_CIRCULAR)
_BINARY = face_attributes.IS_BINARY
_MIDDLE = 0.5 * (face_attributes.LOW + face_attributes.HIGH)
_HALF = 0.5 * (face_attributes.HIGH - face_attributes.LOW)
# An output per attribute, and a second one for each that lives on a circle.
NUM_OUTPUTS = face_attributes.NUM_ATTRIBUTES + len(_CIRCULAR)
AVATAR_VGG = vgg.VGGConfig(
    channels=((16,), (32,), (64, 64), (96, 96), (128,)),
    fc_sizes=(192,),
    num_outputs=NUM_OUTPUTS,
    pool_size=2,
    input_size=64,
    preprocessing="none",
    embedding_size=128,
)


def architecture(resolution: int = 64) -> vgg.VGGConfig:
    """Returns the network for pictures of a side, a power of two from 32 on.

    Of 64 pixels it is `AVATAR_VGG`; the larger the side, the more places its dense
    layers see.
    """
    return dataclasses.replace(
        AVATAR_VGG, input_size=resolution, pool_size=max(resolution // 32, 1)
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttributeConfig:
    """Options of the training.

    Attributes:
      num_people: people per step; two pictures of each.
      resolution: of the renderings.
      learning_rate: the largest, of Adam; it falls to zero along a cosine.
      num_warmup: steps over which it rises from zero.
      num_steps: of the whole training.
      contrast: weight of the contrastive loss on the embedding.
      temperature: of its softmax.
      max_noise: largest standard deviation of the noise added to the pictures.
      ema_half_life: of the averaged weights, in pictures.
    """

    num_people: int = 16
    resolution: int = 64
    learning_rate: float = 0.002
    num_warmup: int = 200
    num_steps: int = 8_000
    contrast: float = 0.1
    temperature: float = 0.1
    max_noise: float = 0.06
    ema_half_life: float = 10_000.0

    def __post_init__(self):
        if self.num_people < 2 or self.num_steps <= self.num_warmup:
            raise InputError(
                "Needs at least two people per step, and more steps than those of the"
                f" warm-up: got {self.num_people=}, {self.num_steps=},"
                f" {self.num_warmup=}."
            )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, kw_only=True)
class AttributeState:
    """What changes from one step to the next.

    Attributes:
      params: the network's weights.
      average: their moving average.
      opt_state: of Adam.
      step: steps done.
    """

    params: Any
    average: Any
    opt_state: optax.OptState
    step: jax.Array


def encode(attributes: jax.Array) -> jax.Array:
    """Maps attributes to what the network is to put out.

    Args:
      attributes: `[N, K]`.

    Returns:
      `[N, NUM_OUTPUTS]`: ranges scaled to [-1, 1]; binary attributes as 0 or 1; those
      on a circle as a cosine, and their sines at the end.
    """
    scaled = (attributes - _MIDDLE[None]) / _HALF[None]
    angles = 2.0 * jnp.pi * attributes
    columns = jnp.where(_BINARY[None], attributes, scaled)
    columns = jnp.where(face_attributes.IS_CIRCULAR[None], jnp.cos(angles), columns)
    return jnp.concatenate([columns, jnp.sin(angles[:, _CIRCULAR])], axis=1)


def decode(outputs: jax.Array) -> jax.Array:
    """Maps the network's outputs to attributes within their ranges.

    Args:
      outputs: `[N, NUM_OUTPUTS]`; binary attributes as logits.

    Returns:
      `[N, K]` attributes; binary ones as probabilities.
    """
    columns = outputs[:, : face_attributes.NUM_ATTRIBUTES]
    values = _MIDDLE[None] + _HALF[None] * columns
    values = jnp.where(_BINARY[None], jax.nn.sigmoid(columns), values)
    sines = outputs[:, face_attributes.NUM_ATTRIBUTES :]
    angles = jnp.arctan2(sines, columns[:, _CIRCULAR]) / (2.0 * jnp.pi)
    values = values.at[:, _CIRCULAR].set(angles % 1.0)
    return jnp.clip(values, face_attributes.LOW[None], face_attributes.HIGH[None])


def predict(network: vgg.VGG, images: jax.Array) -> jax.Array:
    """Reads the attributes `[N, K]` of pictures `[N, H, W, 3]` in [-1, 1]."""
    return decode(network(images))


@functools.cache
def deviations() -> np.ndarray:
    """Returns the standard deviations `[K]` of the attributes among people."""
    with jax.ensure_compile_time_eval():
        people = face_attributes.sample(jax.random.key(0), 8192)
    return np.asarray(people).std(axis=0)


def differences(attributes_a: jax.Array, attributes_b: jax.Array) -> jax.Array:
    """Compares faces attribute by attribute.

    Args:
      attributes_a: `[N, K]`.
      attributes_b: `[N, K]`.

    Returns:
      `[N, K]` absolute differences; on circles the shorter way round.
    """
    apart = jnp.abs(attributes_a - attributes_b)
    around = jnp.minimum(apart, 1.0 - apart)
    return jnp.where(face_attributes.IS_CIRCULAR[None], around, apart)


def errors(predicted: jax.Array, attributes: jax.Array) -> jax.Array:
    """Says how wrongly the attributes of every picture were read.

    Args:
      predicted: `[N, K]` of `predict`.
      attributes: `[N, K]` the truth.

    Returns:
      `[N]`: the mean, over the attributes that show, of the absolute differences in
      standard deviations among people.
    """
    apart = differences(predicted, attributes) / deviations()[None]
    visible = face_attributes.visible(attributes)
    return jnp.sum(apart * visible, axis=1) / jnp.sum(visible, axis=1)


def loss(outputs: jax.Array, attributes: jax.Array) -> jax.Array:
    """Mean over pictures and visible attributes of how wrong the outputs are.

    Args:
      outputs: `[N, NUM_OUTPUTS]` of the network.
      attributes: `[N, K]` the truth.

    Returns:
      a scalar: squared errors in units of each attribute's variance, cross-entropies
      for binary attributes.
    """
    num = face_attributes.NUM_ATTRIBUTES
    targets = encode(attributes)
    squares = jnp.square(outputs - targets)
    scale = jnp.square(_HALF / deviations())
    scale = jnp.where(face_attributes.IS_CIRCULAR, 1.0, scale)
    entropy = optax.sigmoid_binary_cross_entropy(outputs[:, :num], targets[:, :num])
    terms = jnp.where(_BINARY[None], 2.0 * entropy, squares[:, :num] * scale[None])
    terms = terms.at[:, _CIRCULAR].add(squares[:, num:])
    visible = face_attributes.visible(attributes)
    return jnp.sum(terms * visible) / jnp.sum(visible)


def contrast(embeddings: jax.Array, temperature: float) -> jax.Array:
    """The contrastive loss of pairs (van den Oord et al. 2018, arXiv:1807.03748).

    Args:
      embeddings: `[2 P, D]` of unit length: one picture of each of P people, then
        another of each.
      temperature: of the softmax over all other pictures.

    Returns:
      a scalar: how hard it is to find each picture's partner.
    """
    num = embeddings.shape[0]
    logits = embeddings @ embeddings.T / temperature
    logits = jnp.where(jnp.eye(num, dtype=bool), -1e9, logits)
    partners = (jnp.arange(num) + num // 2) % num
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, partners)
    return jnp.mean(losses)


def draw_people(key: jax.Array, num: int) -> jax.Array:
    """Draws `[2 num, K]` attributes: people, then the same ones on another day."""
    first, other = jnp.split(face_attributes.sample(key, 2 * num), 2)
    second = jnp.where(face_attributes.IS_IDENTITY[None], first, other)
    return jnp.concatenate([first, second])


def optimizer(config: AttributeConfig) -> optax.GradientTransformation:
    """Returns Adam under a warm-up and a cosine, with clipped gradients."""
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, config.num_warmup, config.num_steps
    )
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))


def init(network: vgg.VGG, config: AttributeConfig) -> AttributeState:
    """Starts from a network's weights, with the last layer split in two parts."""
    params = _split_head(nnx.state(network, nnx.Param), network.config)
    return AttributeState(
        params=params,
        average=jax.tree.map(jnp.copy, params),
        opt_state=optimizer(config).init(params),
        step=jnp.zeros((), jnp.int32),
    )


@functools.partial(jax.jit, static_argnames="config", donate_argnums=0)
def step(
    state: AttributeState, network: vgg.VGG, key: jax.Array, *, config: AttributeConfig
) -> tuple[AttributeState, jax.Array]:
    """Renders people and takes one step.

    Args:
      state: from `init` or the step before; its memory is reused.
      network: says what is trained; its weights are not used.
      key: of the whole training: every step derives its own.
      config: the options.

    Returns:
      the next state, and the losses `[2]`: of the attributes, of the contrast.
    """
    attributes, images = _batch(jax.random.fold_in(key, state.step), config)
    graphdef, _, rest = nnx.split(network, nnx.Param, ...)

    def total(params):
        outputs, embeddings = _run(nnx.merge(graphdef, params, rest), images)
        losses = jnp.stack(
            [loss(outputs, attributes), contrast(embeddings, config.temperature)]
        )
        return losses[0] + config.contrast * losses[1], losses

    gradients, losses = jax.grad(total, has_aux=True)(state.params)
    gradients = _split_head(gradients, network.config)
    updates, opt_state = optimizer(config).update(gradients, state.opt_state)
    params = optax.apply_updates(state.params, updates)
    decay = ema.decay(
        2 * config.num_people,
        config.ema_half_life,
        num_seen=2 * config.num_people * (state.step + 1),
        rampup=0.05,
    )
    state = AttributeState(
        params=params,
        average=ema.update(state.average, params, decay),
        opt_state=opt_state,
        step=state.step + 1,
    )
    return state, losses


def averaged(network: vgg.VGG, state: AttributeState) -> vgg.VGG:
    """Returns the network with the averaged weights of the training."""
    graphdef, _, rest = nnx.split(network, nnx.Param, ...)
    return nnx.merge(graphdef, state.average, rest)


def evaluate(
    network: vgg.VGG, images: jax.Array, attributes: jax.Array
) -> dict[str, dict[str, float]]:
    """Measures the network on pictures whose attributes are known.

    Args:
      network: what `predict` takes.
      images: `[N, H, W, 3]` in [-1, 1].
      attributes: `[N, K]` the truth.

    Returns:
      for every attribute, over the pictures that show it: "error", the mean absolute
      difference; "relative", that in standard deviations; and for binary ones
      "accuracy".
    """
    predicted = predict(network, images)
    apart = np.asarray(differences(predicted, attributes))
    visible = np.asarray(face_attributes.visible(attributes)) > 0.5
    right = np.asarray((predicted > 0.5) == (attributes > 0.5))
    table = {}
    for k, name in enumerate(face_attributes.NAMES):
        shown = visible[:, k]
        row = {"error": float(apart[shown, k].mean()) if shown.any() else 0.0}
        row["relative"] = row["error"] / float(deviations()[k])
        if _BINARY[k]:
            row["accuracy"] = float(right[:, k].mean())
        table[name] = row
    return table


def evaluate_identity(network: vgg.VGG, images: jax.Array) -> dict[str, float]:
    """Measures how well embeddings tell the same person from another.

    Args:
      network: has `embed`.
      images: `[2 P, H, W, 3]`, of the people of `draw_people`.

    Returns:
      "same" and "different", mean cosines; "ranking", the share of pairs of the same
      person that are closer than a pair of different persons (area under the curve);
      "retrieval", the share of pictures whose nearest other picture is of the same
      person.
    """
    embeddings = np.asarray(network.embed(images))
    num = len(embeddings)
    cosines = embeddings @ embeddings.T
    partners = (np.arange(num) + num // 2) % num
    same = cosines[np.arange(num), partners]
    is_other = ~np.eye(num, dtype=bool)
    is_other[np.arange(num), partners] = False
    different = np.sort(cosines[is_other])
    below = np.searchsorted(different, same) / len(different)
    nearest = np.argmax(np.where(np.eye(num, dtype=bool), -2.0, cosines), axis=1)
    return {
        "same": float(same.mean()),
        "different": float(different.mean()),
        "ranking": float(below.mean()),
        "retrieval": float((nearest == partners).mean()),
    }


def _batch(key, config):
    people, levels, noise = jax.random.split(key, 3)
    attributes = draw_people(people, config.num_people)
    images = face_rendering.render(attributes, config.resolution)
    num = attributes.shape[0]
    level = config.max_noise * jax.random.uniform(levels, (num, 1, 1, 1))
    return attributes, images + level * jax.random.normal(noise, images.shape)


def _run(network, images):
    """Outputs and embeddings in one pass."""
    *_, hidden, last = network.config.layer_names
    found = network.features(images, (hidden, last))
    return found[last], network.embedding(found[hidden])


def _split_head(params, config):
    """Zeroes what would let the embedding see more, or others less, than their share.

    Returns `params` (or gradients) whose last weight connects the embedding's units
    with the outputs of the identity, and the other units with the other outputs.
    """
    is_identity = face_attributes.IS_IDENTITY
    is_identity = np.concatenate([is_identity, is_identity[_CIRCULAR]])
    is_embedding = np.arange(config.fc_sizes[-1]) < (config.embedding_size or 0)
    mask = is_embedding[:, None] == is_identity[None]
    last = config.layer_names[-1]

    def masked(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        return leaf * mask if name.startswith(f"{last}.weight") else leaf

    return jax.tree_util.tree_map_with_path(masked, params)
