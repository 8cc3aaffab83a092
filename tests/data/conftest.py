"""A data config by keywords, small image files, and the real data where it is at hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vae import config as configs

REAL = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.fixture
def configure():
    """Returns a function from keywords to the section `data` of a config."""

    def make(**keys):
        data = configs.base().data
        data.update({name: str(v) if isinstance(v, Path) else v for name, v in keys.items()})
        return data

    return make


@pytest.fixture(scope="session")
def real():
    """Returns a function from the name of a real data set to its directory; skips without."""

    def find(name: str) -> Path:
        if not (REAL / name).is_dir():
            pytest.skip(f"the real data set {name} is not at hand")
        return REAL / name

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
