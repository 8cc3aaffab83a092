"""A run that the tests of the explorer share."""

import pytest
from configs import tiny
from untrained import untrained

from vae.explorer.answers import Explorer


@pytest.fixture(scope="session")
def explorer(tmp_path_factory):
    """An explorer of a model of the digits that was never trained."""
    folder = tmp_path_factory.mktemp("explored")
    run = untrained(tiny(), folder, num_classes=10, data={"num_classes": 10, "modality": "images"})
    return Explorer(run)
