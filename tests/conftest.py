"""What all tests share: two simulated devices and a cache of compiled programs."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("NPROC", "32")  # collectives need more threads than this machine has cores
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Most of the time of a tiny run is compilation, and most of that optimisation.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
)

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 4)
cache = Path(tempfile.gettempdir()) / f"vae-test-cache-{os.getuid()}"
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache))  # for subprocesses
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
jax.config.update("jax_persistent_cache_min_compile_time_secs", float(os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"]))

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets, where it is at hand."""
    if not DATA.is_dir():
        pytest.skip(f"the real data sets are not at hand ({DATA.parent.name}/{DATA.name})")
    return DATA
