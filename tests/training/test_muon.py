"""Muon's directions: orthogonal for kernels, Adam's for whatever else is learned."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny

import vae
from vae.training.optimizers import MUON_RMS, gradient_transformation

SHAPES = {
    "Dense_0": {"kernel": (24, 6), "bias": (6,)},
    "Conv_0": {"kernel": (3, 3, 4, 8), "bias": (8,)},
    "prior": {"pseudo_inputs": (5, 24)},  # as many axes as a matrix, but none
}


def directions_of_one_gradient():
    rng = np.random.default_rng(0)
    grads = jax.tree.map(
        lambda shape: jnp.asarray(rng.normal(size=shape), jnp.float32),
        SHAPES,
        is_leaf=lambda x: isinstance(x, tuple),
    )
    transformation = gradient_transformation(tiny(optimizer__name="muon").optimizer)
    state = transformation.init(grads)
    directions, _ = transformation.update(grads, state, grads, norm=jnp.float32(1.0))
    return grads, directions


@pytest.mark.parametrize("layer", ["Dense_0", "Conv_0"])
def test_a_kernel_moves_along_its_gradients_singular_vectors_by_equal_amounts(layer):
    grads, directions = directions_of_one_gradient()
    kernel = np.asarray(grads[layer]["kernel"])
    g, d = kernel.reshape(-1, kernel.shape[-1]), np.asarray(directions[layer]["kernel"])
    u, singular, vt = np.linalg.svd(g, full_matrices=False)
    inside = u.T @ d.reshape(g.shape) @ vt.T
    outside = d.reshape(g.shape) - u @ inside @ vt
    size = MUON_RMS * np.sqrt(max(g.shape))
    # Five iterations bring them to between 0.7 and 1.2 of it (Jordan et al. 2024).
    equal = np.diag(inside) / size
    assert singular.max() / singular.min() > 1.8
    assert (equal > 0.65).all() and (equal < 1.25).all()
    np.testing.assert_allclose(inside, np.diag(np.diag(inside)), atol=1e-4 * size)
    np.testing.assert_allclose(outside, 0, atol=1e-4 * size)


@pytest.mark.parametrize(("layer", "name"), [("Dense_0", "bias"), ("prior", "pseudo_inputs")])
def test_the_rest_moves_by_the_sign_of_its_first_gradient_as_with_adam(layer, name):
    grads, directions = directions_of_one_gradient()
    d = np.asarray(directions[layer][name])
    assert (np.sign(d) == np.sign(grads[layer][name])).all()
    np.testing.assert_allclose(np.abs(d), np.abs(d).max(), rtol=1e-5)


def test_a_run_with_muon_stops_and_goes_on_to_the_same_weights(tmp_path):
    overrides = {"optimizer__name": "muon", "model__encoder": "conv", "optimizer__clip_norm": 1.0}
    whole = vae.train(tiny(**overrides), tmp_path / "whole")
    vae.train(tiny(**overrides, training__steps=10), tmp_path / "parts")
    parts = vae.train(tiny(**overrides), tmp_path / "parts")
    assert parts["params_sha256"] == whole["params_sha256"]


@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_checkpoints_keep_the_place_of_the_sign(clip):
    config = tiny(optimizer__name="muon", optimizer__clip_norm=clip).optimizer
    state = gradient_transformation(config).init({"kernel": jnp.zeros((2, 3))})
    assert len(state) == (3 if clip else 2) and not jax.tree.leaves(state[-1])
