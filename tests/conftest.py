"""Fixtures shared by all tests, and the strict settings they run under."""

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
# Binaries run with caches of their own; the list of fonts is made once for all of them.
os.environ.setdefault(
    "MPLCONFIGDIR", os.path.join(tempfile.gettempdir(), "jax_encoder_tests_matplotlib")
)

import jax
import pytest
from hypothesis import HealthCheck, settings

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
