"""Examples larger than those that a run was trained on, in tiles."""

import numpy as np
import pytest
from configs import tiny
from facts import facts
from untrained import untrained

from vae import models
from vae.errors import InputError
from vae.models.resized import resized
from vae.tasks import tiles

PLACES, LARGE = (16, 16), (62, 96)


NETWORKS = {  # z has 2 numbers at each of 4 x 4 places
    "model__encoder": "grid",
    "model__decoder": "grid",
    "model__encoder_widths": (4, 4),
    "model__decoder_widths": (4, 4),
    "model__latent_channels": 2,
    "model__likelihood": "gaussian",
}


@pytest.fixture(scope="module")
def spatial(tmp_path_factory):
    """A run with an origin of the latents that is not 0."""
    return untrained(tiny(**NETWORKS), tmp_path_factory.mktemp("spatial"), shape=(*PLACES, 1))


@pytest.fixture(scope="module")
def large():
    return np.random.default_rng(1).random((1, *LARGE, 1), np.float32)


@pytest.fixture(scope="module")
def whole(spatial, large):
    """What the run makes of it without tiles."""
    padded = np.pad(large, ((0, 0), (0, 2), (0, 0), (0, 0)), mode="edge")  # whole places of z
    return spatial.resized((64, 96)).reconstruct(padded)[:, :62]


def test_a_place_sees_as_far_as_the_reach_of_the_network_says(spatial):
    run, x = spatial, np.zeros((1, *PLACES, 1), np.float32)
    pixel = np.array(x)
    pixel[0, 0, 0] = 1.0
    moved = (run.encode(pixel).mean != run.encode(x).mean).reshape(2, 4, 4)
    reach = run.model.encoder.reach  # positions around the four of a place
    assert reach == 3
    np.testing.assert_array_equal(moved.any((0, 2)), np.arange(4) * 4 - reach <= 0)
    z = np.zeros((1, 32), np.float32)
    changed = np.array(z).reshape(1, 2, 4, 4)
    changed[..., 0, 0] = 1.0
    moved = (run.decode(changed.reshape(1, 32)) != run.decode(z))[0, ..., 0]
    reach = run.model.emission.decoder.reach
    assert reach == 7
    np.testing.assert_array_equal(moved.any(0), np.arange(16) <= 3 + reach)


@pytest.mark.parametrize("overlap, equal", [(24, True), (None, True), (4, False)])
def test_tiles_that_overlap_twice_the_reach_give_what_the_whole_gives(
    spatial, large, whole, overlap, equal
):
    tiled = tiles.reconstruct(spatial, large, tile=48, overlap=overlap)
    assert tiled.shape == large.shape
    error = np.abs(tiled - whole).max()
    assert (error < 1e-5) == equal, error


def test_an_example_of_the_runs_own_size_is_one_tile(spatial, large):
    x = large[:, :16, :16]
    made = tiles.reconstruct(spatial, x, tile=64)
    np.testing.assert_allclose(made, spatial.reconstruct(x), atol=1e-5)


def test_shares_of_tiles_are_one_together_and_none_where_a_tile_does_not_suffice():
    axis = tiles.axis_of(19, 8, 4, reach=6, each=4)
    total = np.zeros(19 * 4)
    for start, share in zip(axis.starts, axis.weights, strict=True):
        total[start * 4 : start * 4 + 32] += share
    np.testing.assert_allclose(total, 1, atol=1e-6)
    inner = axis.weights[1]
    assert axis.starts[0] == 0 and axis.starts[-1] == 11
    assert not inner[:6].any() and not inner[-6:].any() and inner[6] > 0
    assert (np.diff(inner[:16]) >= 0).all()
    assert (axis.weights[0][:16] == 1).all()  # there is no neighbour at the border


def test_what_cannot_be_tiled_is_refused(spatial, large):
    with pytest.raises(InputError, match="--tile=30 must be a multiple of the 4 positions"):
        tiles.encode(spatial, large, tile=30)
    with pytest.raises(InputError, match="overlap=48 must be a multiple of 4 positions, and"):
        tiles.encode(spatial, large, tile=48, overlap=48)
    with pytest.raises(InputError, match="it has no prior"):
        spatial.resized((64, 96)).sample(1)


@pytest.mark.parametrize(
    "overrides, reason",
    [
        ({"model__decoder": "conv"}, "has a network that does not compute the same"),
        ({"model__posterior": "full_gaussian"}, "has a posterior that knows the places of z"),
    ],
)
def test_models_of_one_size_say_why(overrides, reason):
    mean = np.full((*PLACES, 1), 0.5)
    model = models.build(tiny(**NETWORKS | overrides).model, facts(mean))
    with pytest.raises(InputError, match=f"the size of the run's own: its model {reason}"):
        resized(model, LARGE)
