"""The attributes of a procedural face: names, ranges, and how people vary.

An attribute vector is `[N, K]` float32 with one column per row of `ATTRIBUTES`.
Every attribute has its natural range; binary ones take 0 or 1, and the renderer
fades between the two, so that all of them are differentiable.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from jax_encoder.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attribute:
    """One column of the attribute vector.

    Attributes:
      name: unique name.
      low: smallest value.
      high: largest value.
      kind: "continuous" or "binary".
      needs: name of a binary attribute without which this one is invisible.
      description: what the extremes look like.
    """

    name: str
    low: float
    high: float
    kind: str = "continuous"
    needs: str | None = None
    description: str = ""


def _unit(name, description, **options):
    return Attribute(name=name, low=0.0, high=1.0, description=description, **options)


def _signed(name, description):
    return Attribute(name=name, low=-1.0, high=1.0, description=description)


ATTRIBUTES = (
    Attribute(name="yaw", low=-0.6, high=0.6, description="radians; + faces right"),
    Attribute(name="pitch", low=-0.3, high=0.3, description="radians; + looks up"),
    _signed("face_width", "narrow to wide"),
    _signed("jaw", "pointed to square"),
    _unit("skin_tone", "fair to dark"),
    _signed("skin_warmth", "cool to warm"),
    _unit("hair_lightness", "black, brown, blond"),
    _unit("hair_redness", "neutral to red"),
    _unit("hair_length", "cropped, chin-long, below the shoulders"),
    _unit("hair_volume", "flat to full"),
    _unit("hair_curl", "straight, wavy, curly"),
    _unit("fringe", "free forehead to fringe above the brows"),
    _signed("parting", "hair swept to the left or to the right"),
    _unit("balding", "low hairline to bald on top"),
    _signed("eye_size", "small to large"),
    _unit("eye_color", "brown, green, blue"),
    _signed("eye_spacing", "close to wide"),
    _signed("eye_tilt", "outer corners down to up"),
    _unit("lashes", "bare to long, dark lashes"),
    _signed("brow_thickness", "thin to thick"),
    _signed("brow_tilt", "worried to stern"),
    _signed("brow_height", "low to raised"),
    _signed("nose_width", "narrow to wide"),
    _signed("nose_length", "short to long"),
    _signed("smile", "frown to broad smile"),
    _unit("mouth_opening", "closed to open, showing teeth"),
    _signed("mouth_width", "narrow to wide"),
    _unit("lip_fullness", "thin to full"),
    _unit("lip_color", "natural to painted"),
    _unit("age", "young to old: wrinkles, eye bags, folds"),
    _unit("graying", "natural hair color to white"),
    _unit("beard", "clean-shaven or bearded", kind="binary"),
    _unit("beard_length", "stubble to full beard", needs="beard"),
    _unit("glasses", "without or with glasses", kind="binary"),
    _unit("glasses_shape", "round to rectangular", needs="glasses"),
    _unit("glasses_color", "black to bright frames", needs="glasses"),
    _signed("light", "lit from the left or from the right"),
    _unit("background_hue", "around the color circle; 0 equals 1"),
    _unit("background_lightness", "dark to pale"),
    _unit("background_gradient", "plain to strong gradient"),
    _unit("clothes_hue", "around the color circle; 0 equals 1"),
    _unit("clothes_lightness", "dark to pale"),
)
NAMES = tuple(attribute.name for attribute in ATTRIBUTES)
NUM_ATTRIBUTES = len(ATTRIBUTES)
# What a person is drawn from: one number per attribute and three hidden causes.
NUM_NORMALS = NUM_ATTRIBUTES + 3
LOW = np.array([attribute.low for attribute in ATTRIBUTES], np.float32)
HIGH = np.array([attribute.high for attribute in ATTRIBUTES], np.float32)
IS_BINARY = np.array([attribute.kind == "binary" for attribute in ATTRIBUTES])
# Attributes on a circle: 0 and 1 are the same picture.
IS_CIRCULAR = np.array([name.endswith("_hue") for name in NAMES])
# What changes from one picture of a person to the next; all else is who it is.
PASSING = [
    "yaw",
    "pitch",
    "smile",
    "mouth_opening",
    "brow_tilt",
    "brow_height",
    "lip_color",
    "glasses",
    "glasses_shape",
    "glasses_color",
    "light",
    "background_hue",
    "background_lightness",
    "background_gradient",
    "clothes_hue",
    "clothes_lightness",
]
IS_IDENTITY = np.array([name not in PASSING for name in NAMES])


TRUTH = "attributes.json"
"""The file beside pictures that says by name whom they show."""


def index(name: str) -> int:
    """Returns the column of attribute `name`.

    Raises:
      ValueError: there is no such attribute; the message lists those there are.
    """
    if name not in NAMES:
        raise InputError(f"No attribute is called {name!r}. There are: {NAMES}.")
    return NAMES.index(name)


def by_name(attributes: np.ndarray | jax.Array) -> dict[str, float]:
    """Names the values `[K]` of one face, rounded to five digits, to be written."""
    values = np.asarray(attributes, np.float64).tolist()
    return {name: round(v, 5) for name, v in zip(NAMES, values, strict=True)}


def visible(attributes: jax.Array) -> jax.Array:
    """Returns the `[N, K]` mask (0 or 1) of attributes that show in the picture.

    A beard's length does not show without a beard; neither do the glasses' details.
    """
    columns = [
        jnp.ones(attributes.shape[0], jnp.float32)
        if attribute.needs is None
        else (attributes[:, index(attribute.needs)] > 0.5).astype(jnp.float32)
        for attribute in ATTRIBUTES
    ]
    return jnp.stack(columns, axis=1)


def default(num: int = 1) -> jax.Array:
    """Returns `[num, K]` copies of a neutral, young, clean-shaven frontal face."""
    values = {
        "hair_lightness": 0.35,
        "hair_length": 0.3,
        "hair_volume": 0.4,
        "skin_tone": 0.25,
        "eye_color": 0.6,
        "lashes": 0.3,
        "lip_fullness": 0.4,
        "smile": 0.3,
        "beard_length": 0.5,
        "background_hue": 0.58,
        "background_lightness": 0.7,
        "background_gradient": 0.5,
        "clothes_hue": 0.6,
        "clothes_lightness": 0.4,
    }
    row = np.zeros(NUM_ATTRIBUTES, np.float32)
    for name, value in values.items():
        row[index(name)] = value
    return jnp.tile(jnp.asarray(row)[None], (num, 1))


def named(**values: float) -> jax.Array:
    """Returns `[1, K]` attributes: the default face with some values replaced."""
    attributes = default()
    for name, value in values.items():
        attributes = attributes.at[0, index(name)].set(value)
    return attributes


@functools.partial(jax.jit, static_argnums=1)
def sample(key: jax.Array, num: int) -> jax.Array:
    """Draws people: attributes with the correlations of a real population.

    Two hidden causes, masculinity and age, and ancestry through the skin tone, make
    beards go with square jaws, thick brows and short hair; gray hair, glasses and
    balding with age; dark hair and eyes with dark skin; an open mouth with a smile.

    Args:
      key: PRNG key.
      num: number of people.

    Returns:
      `[num, K]` attributes within their ranges.
    """
    return from_normals(jax.random.normal(key, (num, NUM_NORMALS)))


@jax.jit
def from_normals(normals: jax.Array) -> jax.Array:
    """Maps independent normal numbers to people: what `sample` draws, as a function.

    Args:
      normals: `[N, NUM_NORMALS]`.

    Returns:
      `[N, K]` attributes within their ranges.

    Raises:
      ValueError: `normals` has another shape.
    """
    if normals.ndim != 2 or normals.shape[1] != NUM_NORMALS:
        raise InputError(f"`normals` must be [N, {NUM_NORMALS}]: got {normals.shape=}.")
    causes = (*NAMES, "gender", "old", "spread")
    normal = dict(zip(causes, normals.T, strict=True))
    uniform = dict(zip(causes, jax.scipy.stats.norm.cdf(normals.T), strict=True))
    # Bimodal, with overlap: -1 feminine, +1 masculine.
    masculine = 0.7 * jnp.tanh(3.0 * normal["gender"]) + 0.3 * normal["spread"]
    values = _head(normal, uniform, masculine)
    values |= _hair(normal, uniform, masculine, values)
    values |= _features(normal, uniform, masculine, values)
    values |= _extras(normal, uniform, masculine, values)
    values["lip_color"] *= 1.0 - 0.8 * values["beard"]
    attributes = jnp.stack([values[name] for name in NAMES], axis=1)
    return jnp.clip(attributes, LOW[None], HIGH[None]).astype(jnp.float32)


def _head(normal, uniform, masculine):
    return {
        "yaw": 0.24 * normal["yaw"],
        "pitch": 0.11 * normal["pitch"],
        "face_width": 0.15 * masculine + 0.4 * normal["face_width"],
        "jaw": 0.5 * masculine + 0.35 * normal["jaw"],
        "skin_tone": jnp.square(uniform["skin_tone"]) * 0.5 + 0.5 * uniform["old"],
        "skin_warmth": 0.45 * normal["skin_warmth"],
        "age": jnp.square(uniform["age"]) * 0.55 + 0.45 * uniform["age"],
    }


def _hair(normal, uniform, masculine, values):
    age, tone = values["age"], values["skin_tone"]
    fair = jnp.clip(1.0 - 1.4 * tone, 0.0, 1.0)
    lightness = 0.08 + 1.0 * fair * uniform["hair_lightness"]
    red = jnp.maximum(0.5 * normal["hair_redness"] - 0.15, 0.0) * (0.3 + 0.7 * fair)
    gray = 2.2 * (age - 0.55) + 0.25 * normal["graying"]
    bald = 0.45 * masculine + 0.7 * (age - 0.35) + 0.3 * normal["balding"] - 0.2
    length = (
        0.38
        - 0.3 * masculine
        - 0.4 * jnp.clip(bald, 0.0, 1.0)
        + 0.2 * normal["hair_length"]
    )
    return {
        "hair_lightness": lightness + 0.05 * normal["hair_lightness"],
        "hair_redness": red,
        "hair_length": length,
        "hair_volume": 0.45 - 0.1 * age + 0.22 * normal["hair_volume"],
        "hair_curl": 0.15 + 0.35 * tone + 0.3 * normal["hair_curl"],
        "fringe": 0.15 - 0.2 * masculine + 0.4 * normal["fringe"],
        "parting": jnp.clip(0.55 * normal["parting"], -1.0, 1.0),
        "balding": bald,
        "graying": gray,
    }


def _features(normal, uniform, masculine, values):
    age, tone = values["age"], values["skin_tone"]
    smile = 0.35 + 0.4 * normal["smile"]
    # Mostly brown or blue, green between them; brown with dark skin.
    blue = jnp.clip(2.2 * uniform["eye_color"] - 0.7, 0.0, 1.0)
    blue = blue * jnp.clip(1.25 - 1.5 * tone, 0.05, 1.0)
    opening = 0.5 * smile + 0.4 * normal["mouth_opening"] - 0.1
    painted = 0.3 - 0.5 * masculine + 0.3 * normal["lip_color"]
    return {
        "eye_size": -0.2 * masculine - 0.25 * age + 0.35 * normal["eye_size"],
        "eye_color": blue,
        "eye_spacing": 0.4 * normal["eye_spacing"],
        "eye_tilt": 0.4 * normal["eye_tilt"],
        "lashes": 0.4 - 0.45 * masculine + 0.2 * normal["lashes"],
        "brow_thickness": 0.4 * masculine + 0.35 * normal["brow_thickness"],
        "brow_tilt": 0.15 * masculine - 0.2 * smile + 0.35 * normal["brow_tilt"],
        "brow_height": -0.25 * masculine + 0.35 * normal["brow_height"],
        "nose_width": 0.2 * masculine + 0.6 * (tone - 0.4) + 0.3 * normal["nose_width"],
        "nose_length": 0.15 * masculine + 0.3 * age + 0.35 * normal["nose_length"],
        "smile": smile,
        "mouth_opening": opening,
        "mouth_width": 0.3 * smile + 0.35 * normal["mouth_width"],
        "lip_fullness": 0.4
        - 0.15 * masculine
        + 0.25 * tone
        - 0.2 * age
        + 0.15 * normal["lip_fullness"],
        "lip_color": painted,
    }


def _extras(normal, uniform, masculine, values):
    age = values["age"]
    beard_chance = jax.nn.sigmoid(4.0 * (values["jaw"] + 0.6 * masculine) - 2.4)
    glasses_chance = 0.12 + 0.45 * age
    names = ("glasses_shape", "glasses_color", "background_hue", "clothes_hue")
    names += ("background_lightness", "background_gradient", "clothes_lightness")
    return {name: uniform[name] for name in names} | {
        "beard": (uniform["beard"] < beard_chance).astype(jnp.float32),
        "beard_length": 0.35 * uniform["beard_length"]
        + 0.35 * age
        + 0.25 * jnp.abs(normal["beard_length"]),
        "glasses": (uniform["glasses"] < glasses_chance).astype(jnp.float32),
        "light": 0.55 * normal["light"],
    }
