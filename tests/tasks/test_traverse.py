"""Latents by themselves: along each, and the plane of two."""

import numpy as np
import pytest
from configs import tiny
from scipy.stats import norm

import vae
from vae.errors import InputError
from vae.tasks.traverse import traverse


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    """A model of two latents, hardly trained."""
    workdir = tmp_path_factory.mktemp("flat")
    vae.train(tiny(model__latent_dim=2, training__steps=20), workdir)
    return vae.load(workdir)


def test_a_row_holds_all_latents_but_one_and_shows_the_original(run, laid_out):
    figures = traverse(run, dimensions=2, steps=3).figures
    assert laid_out["x"].shape == (2, 3, 8, 8, 1) and laid_out["columns"] == ["-3", "0", "+3"]
    of, named = figures["dimensions"][0], laid_out["rows"][0]
    assert named == f"z{of['dimension']}, activity {of['activity']:.2f}"
    assert "test 0" in laid_out["title"] and "step 300" in laid_out["title"]
    x = run.dataset().test.read(np.arange(1))[0].values / 16
    before = laid_out["before"]
    np.testing.assert_allclose(before["given"], x.repeat(2, 0), rtol=1e-6)
    np.testing.assert_allclose(before["decoded"], run.reconstruct(x).repeat(2, 0), atol=1e-6)
    z = run.encode(x).mean
    z[0, of["dimension"]] = of["mean"] - 3 * of["std"]
    np.testing.assert_allclose(laid_out["x"][0, 0], run.decode(z)[0], atol=1e-5)


def test_the_manifold_is_decoded_at_the_quantiles_of_the_prior(flat, laid_out):
    (page, scattered, record), figures, _ = traverse(flat, manifold=True, steps=4)
    assert page.is_file() and scattered.is_file() and record.is_file()
    line = norm.ppf([0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(figures["z0"], line, rtol=1e-6)
    assert laid_out["columns"][0] == "z0 -1.15" and laid_out["rows"][0] == "z1 1.15"  # upwards
    corner = flat.decode(np.array([[line[0], line[-1]]], np.float32))
    np.testing.assert_allclose(laid_out["x"][0, 0], corner[0], atol=1e-5)


def test_what_has_no_plane_is_refused(run, ladder, flat):
    with pytest.raises(InputError, match=r"of two numbers, but those of .* have \d: train a run"):
        traverse(run, manifold=True)
    with pytest.raises(InputError, match="one vector of real numbers"):
        traverse(ladder, manifold=True)
    with pytest.raises(InputError, match="--dimensions has no effect with --manifold"):
        traverse(flat, manifold=True, dimensions=2)
