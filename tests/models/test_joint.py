"""log p(z) and p(x | z) at any z, against the terms of the samples that they came from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import facts

from vae import models
from vae.models.parts import part
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.terms import Batch
from vae.training.devices import jit

DATA = facts(np.full((8, 8, 1), 0.5), num_classes=10)
MODELS = {
    "maf": {"model__prior": "maf", "model__prior_flows": 2, "model__prior_widths": (8,)},
    "vamp": {"model__prior": "vamp", "model__prior_components": 3},
    "conditional": {"model__prior": "conditional", "model__condition": "label"},
    "causal": {"model__decoder": "gru", "model__likelihood": "categorical"},
    "two_layer": {
        "model__name": "two_layer",
        "model__top_dim": 2,
        "model__top_widths": (8,),
        "model__condition": "label",
    },
    "ladder": {
        "model__name": "ladder",
        "model__condition": "label",
        "model__groups": (1, 1),
        "model__encoder_widths": (8, 8),
        "model__decoder_widths": (8, 8),
        "model__latent_dim": 2,
    },
}


@pytest.mark.parametrize("name", MODELS)
def test_joint_is_what_terms_say_of_their_samples(name):
    model, rng = models.build(tiny(**MODELS[name]).model, DATA), np.random.default_rng(0)
    variables = jax.tree.map(
        lambda leaf: 0.1 * rng.normal(size=leaf.shape).astype(np.float32),
        jax.eval_shape(lambda: model.init(key=jax.random.key(0))),
    )
    x = np.float32(rng.integers(0, 17, (3, 8, 8, 1)) / 16)
    batch = Batch(x, jnp.array([1, 5, 9]))
    read = {"x": x} if model.causal else {}
    keys = sample_keys(example_keys(jax.random.key(0), jnp.arange(3)), 2)

    @jit
    def both(variables):
        terms = model.terms(variables, batch, keys=keys)
        at = []
        for k in range(2):
            z = jax.tree.map(lambda leaf, k=k: leaf[k], terms.z)
            log_pz, outputs = model.joint(variables, z, batch.y, **read)
            own = part(variables, "likelihood")
            at.append((log_pz, model.likelihood.log_prob(outputs, batch.x, own)))
        return terms, at

    terms, at = both(variables)
    for k, (log_pz, log_px) in enumerate(at):
        np.testing.assert_allclose(log_pz, terms.log_pz[k], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(log_px, terms.log_px[k], rtol=1e-4, atol=1e-3)
