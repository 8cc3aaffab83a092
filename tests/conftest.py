"""What all tests share: four simulated devices and a cache of compiled programs."""

import gc
import os
import signal
import tempfile
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("NPROC", "32")  # collectives need more threads than this machine has cores
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Most of the time of a tiny run is compilation: most of that optimisation, and most of the rest the
# emitters of fusions by MLIR, which jaxlib 0.11 always has: XLA ends a process that names a flag it
# does not know. What was compiled once is read again, by subprocesses too.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0"
    + (" --xla_cpu_use_fusion_emitters=false" if version("jaxlib") < "0.11" else ""),
)
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", f"{tempfile.gettempdir()}/vae-test-cache-{os.getuid()}"
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import jax
import pytest

# A shell has what it starts in the background ignore Ctrl-C, and so what the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
gc.set_threshold(50_000)  # traces are many small objects, none of them garbage soon
jax.config.update("jax_num_cpu_devices", 4)

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets, where it is at hand."""
    if not DATA.is_dir():
        pytest.skip(f"the real data sets are not at hand ({DATA.parent.name}/{DATA.name})")
    return DATA
