"""What all tests share: simulated devices, a cache of compiled programs, and small data."""

import gc
import os
import signal
import tempfile
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("NPROC", "32")  # collectives need more threads than this machine has cores
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Threads of numpy and scikit-learn, beside other tests' own, mostly wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Most of the time of a tiny run is compilation: most of that optimisation, and most of the rest the
# emitters of fusions by MLIR, which jaxlib 0.11 always has: XLA ends a process that names a flag it
# does not know. What was compiled once is read again, by subprocesses too.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0"
    + (" --xla_cpu_use_fusion_emitters=false" if version("jaxlib") < "0.11" else ""),
)
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")  # a twentieth of tracing a run
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", f"{tempfile.gettempdir()}/vae-test-cache-{os.getuid()}"
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import jax
import numpy as np
import pytest
from PIL import Image

from vae.config import base
from vae.modalities.tables import plots

# A shell has what it starts in the background ignore Ctrl-C, and so what the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Traces are many small objects, none of them garbage soon: all are looked at between files alone.
gc.set_threshold(50_000, 10, 1_000)
plots.PAIRED, plots.MARGINALS, plots.MOVED = 3, 4, 2  # the others of a page take a second to draw
PROGRAMS = 1500  # that are kept in memory, of 1 to 2 MB each
_compiled = 0
jax.config.update("jax_num_cpu_devices", 4)


def _count(event: str, *_, **__) -> None:
    global _compiled
    _compiled += event == "/jax/core/compile/backend_compile_duration"


jax.monitoring.register_event_duration_secs_listener(_count)


@pytest.fixture(autouse=True, scope="module")
def few_programs():
    """Forgets what was compiled, between files, before it fills the memory."""
    yield
    global _compiled
    if _compiled > PROGRAMS:
        jax.clear_caches()
        gc.collect()
        _compiled = 0


DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets, where it is at hand."""
    if not DATA.is_dir():
        pytest.skip(f"the real data sets are not at hand ({DATA.parent.name}/{DATA.name})")
    return DATA


@pytest.fixture
def configure():
    """Returns a function from keywords to the section `data` of a config."""

    def make(**keys):
        data = base().data
        data.update({name: str(v) if isinstance(v, Path) else v for name, v in keys.items()})
        return data

    return make


@pytest.fixture(scope="session")
def real():
    """Returns a function from the name of a real data set to its directory; skips without."""

    def find(name: str) -> Path:
        if not (DATA / name).is_dir():
            pytest.skip(f"the real data set {name} is not at hand")
        return DATA / name

    return find


@pytest.fixture
def write_images():
    """Returns a function that writes numbered PNG files of random pixels below a directory."""

    def write(directory: Path, count: int, size=(6, 8), mode="RGB", seed=0) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(seed)
        for i in range(count):
            shape = (*size, 3) if mode == "RGB" else size
            pixels = rng.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(directory / f"{i:04d}.png")
        return directory

    return write
