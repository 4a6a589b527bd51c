"""Fixtures shared by all tests, and the strict settings they run under."""

import gc
import importlib.metadata
import os
import pathlib
import tempfile

# Compiling takes most of the time of these tests, and none of them runs a program long
# enough to win it back; must be set before JAX is imported.
# Later versions of jaxlib end the process at a flag that they no longer know.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_parallel_codegen_split_count=1"
    + " --xla_cpu_use_fusion_emitters=false"
    * importlib.metadata.version("jaxlib").startswith("0.10."),
)
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")
# The small demo set: a step on the other takes four times as long.
os.environ.setdefault("JAX_ENCODER_DEMO", "64")
# Binaries run with caches of their own; the list of fonts is made once for all of them.
os.environ.setdefault(
    "MPLCONFIGDIR", os.path.join(tempfile.gettempdir(), "jax_encoder_tests_matplotlib")
)

import jax
import pytest
from hypothesis import HealthCheck, settings

# Tracing makes millions of objects of which few are garbage: look for it seldom.
gc.freeze()
gc.set_threshold(50_000, 20, 100)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_default_matmul_precision", "highest")

settings.register_profile(
    "derandomized",
    derandomize=True,
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("derandomized")

# What takes longest begins first (`--no-loadscope-reorder`), so that no worker is left
# with a long file when the others are done.
LONGEST = (
    *("inversion/projector_test.py", "converters/stylegan2_golden_test.py"),
    *("converters/stylegan3_golden_test.py", "inversion/lbfgs_test.py"),
    *("experiments/benchmark_test.py", "nn/lpips_test.py", "training/augment_test.py"),
    *(
        "inversion/inverter_test.py",
        "inversion/pivotal_test.py",
        "training/gan_test.py",
    ),
    *("converters/hostile_test.py", "converters/stylegan1_golden_test.py"),
    *("converters/wrappers_test.py", "ops/convolution_test.py", "readme_test.py"),
    *("ops/filtered_lrelu_test.py", "experiments/gray_and_rgba_test.py"),
    *("experiments/runs/batches_test.py", "nn/feature_maps_test.py"),
    *("avatars/attribute_network_test.py", "io/bundles_test.py"),
    *("avatars/face_rendering_test.py", "nn/style_encoder_test.py"),
    *("converters/formats/encoder_layouts_test.py", "experiments/cases_test.py"),
    *("experiments/encode_image_test.py", "experiments/aligning/align_test.py"),
)


def pytest_collection_modifyitems(items):
    """Sorts the files, and leaves the tests of each in their order."""
    rank = {pathlib.Path(__file__).parent / name: k for k, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


GOLDEN = pathlib.Path(__file__).parent / "golden"


@pytest.fixture
def golden() -> pathlib.Path:
    """The folder of reference arrays; its README tells where they come from."""
    return GOLDEN


@pytest.fixture(params=["eager", "jit"])
def variant(request):
    """Runs a test twice: as written, and compiled."""
    return jax.jit if request.param == "jit" else lambda fn, **_: fn


@pytest.fixture(scope="session")
def golden_path() -> pathlib.Path:
    """As `golden`, for fixtures of a wider scope."""
    return GOLDEN
