"""The bound of images and labels against explicit enumeration of the classes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats
from configs import tiny
from facts import checked, facts

from vae import models
from vae.errors import InputError
from vae.models import semi_supervised
from vae.models.parts import part
from vae.probability.objectives.variational import elbo
from vae.probability.terms import Batch, log_weights

DATA = facts(np.full((8, 8, 1), 0.5), num_classes=3)
X = (np.random.default_rng(0).integers(0, 17, (4, 8, 8, 1)) / 16).astype(np.float32)
Y = np.array([1, -1, 2, -1], np.int32)
KEYS = jax.random.split(jax.random.key(2), (2, 4))


@pytest.fixture(scope="module")
def trained():
    config = tiny(model__name="semi_supervised", model__classification_weight=5.0)
    model = models.build(config.model, DATA)
    variables = jax.jit(model.init)(key=jax.random.key(0))
    # The heads start small; here the classes are to differ.
    variables["params"]["classifier"]["head"]["kernel"] *= 10
    return model, variables


def enumerated(model, variables):
    """log p(y) p(z_y) p(x | y, z_y), log q(z_y | x, y) [3, 2, 4] and q(y | x) [3, 4], by numpy."""
    logits = model.classifier.apply({"params": variables["params"]["classifier"]}, X)
    joint, density = [], []
    for label in range(3):
        y = jnp.full(4, label)
        q = jax.jit(model.vae.encode)(variables, Batch(X, y))
        z, _ = q.sample_and_log_prob(keys=KEYS)
        outputs = jax.jit(jax.vmap(model.vae.joint, (None, 0, None)))(variables, z, y)[1]
        log_px = model.likelihood.log_prob(outputs, X, part(variables, "likelihood"))
        joint.append(log_px + scipy.stats.norm.logpdf(z).sum(-1) - np.log(3))
        density.append(scipy.stats.norm.logpdf(z, q.mean, np.exp(q.log_std)).sum(-1))
    return np.array(joint), np.array(density), scipy.special.softmax(logits, axis=-1).T


def test_unknown_labels_are_summed_over_and_known_ones_taken(trained):
    model, variables = trained
    terms = jax.jit(model.terms, static_argnames="train")(
        variables, Batch(X, Y), keys=KEYS, train=True
    )
    joint, density, q = enumerated(model, variables)
    assert q.max() - q.min() > 0.05
    log_w = (q[:, None] * (joint - density - np.log(q)[:, None])).sum(0)
    for i, label in enumerate(Y):
        expected = log_w[:, i] if label < 0 else (joint - density)[label, :, i]
        np.testing.assert_allclose(log_weights(terms)[:, i], expected, rtol=1e-4)
    classification = -5 * np.log(q[[1, 2], [0, 2]])
    np.testing.assert_allclose(
        terms.losses["classification"], [classification[0], 0, classification[1], 0], rtol=1e-4
    )


def test_classes_may_be_taken_in_turns(trained, monkeypatch):
    model, variables = trained
    terms = jax.jit(model.terms, static_argnames="train")
    whole = terms(variables, Batch(X, Y), keys=KEYS, train=True)
    monkeypatch.setattr(semi_supervised, "HELD", 1)
    terms = jax.jit(lambda variables: model.terms(variables, Batch(X, Y), keys=KEYS, train=True))
    turns = terms(variables)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), whole, turns)


def test_the_closed_form_is_the_mean_of_its_estimate(trained):
    model, variables = trained
    keys = jax.random.split(jax.random.key(3), (4000, 4))
    terms = jax.jit(model.terms, static_argnames="train")(
        variables, Batch(X, Y), keys=keys, train=True
    )
    assert terms.kl.shape == (4 + 1, 4)
    estimate = (terms.log_qz - terms.log_pz).mean(0)
    np.testing.assert_allclose(terms.kl.sum(0), estimate, atol=0.02)
    np.testing.assert_allclose(terms.kl[-1, [0, 2]], np.log(3), rtol=1e-6)
    loss = terms.losses["classification"] - log_weights(terms).mean(0)
    np.testing.assert_allclose(elbo(terms), loss, atol=0.02)


def test_an_evaluation_is_not_told_the_labels(trained):
    model, variables = trained
    told, untold = (
        jax.jit(model.terms)(variables, Batch(X, y), keys=KEYS) for y in (Y, np.full(4, -1))
    )
    jax.tree.map(np.testing.assert_array_equal, told, untold)


def test_samples_are_of_the_class_asked_for(trained):
    model, variables = trained
    keys = jax.random.split(jax.random.key(4), 300)
    y = np.resize([2, -1], 300)
    code, z = jax.jit(model.sample)(variables, y, keys=keys)
    drawn = np.argmax(code, -1)
    assert (drawn[::2] == 2).all() and np.bincount(drawn[1::2]).min() > 25
    shown = jax.jit(model.decode)(variables, (code, z))
    np.testing.assert_allclose(shown, jax.jit(model.vae.decode)(variables, z, drawn), atol=1e-6)


def test_encoding_takes_the_known_label_or_the_most_probable(trained):
    model, variables = trained
    q = jax.jit(model.encode)(variables, Batch(X, Y))
    best = np.argmax(q.label_log_prob, -1)
    np.testing.assert_array_equal(np.argmax(q.mean[0], -1), np.where(Y >= 0, Y, best))


def test_the_accuracy_is_of_labelled_images(trained):
    measured = {"label": np.array([0, 1, -1, 2.0]), "classified": np.array([0, 2, -1, 2.0])}
    assert trained[0].figures(measured)["accuracy"] == pytest.approx(2 / 3)
    assert trained[0].figures({"label": np.array([-1]), "classified": np.array([0])}) == {}


@pytest.mark.parametrize(
    ("overrides", "data", "message"),
    [
        ({}, DATA._replace(num_classes=0), "needs labels, but the data have none"),
        ({"model__encoder": "grid"}, DATA, "model.encoder='grid'"),
        ({"model__encoder": "spatial"}, DATA, "model.encoder='spatial'"),
        ({"model__posterior": "point"}, DATA, "model.posterior='point'"),
        ({"model__likelihood": "gaussian", "model__scale": "optimal"}, DATA, "model.scale='optim"),
    ],
    ids=["no labels", "grid", "spatial", "point", "optimal"],
)
def test_what_does_not_go_together_is_refused(overrides, data, message):
    with pytest.raises(InputError, match=message):
        checked(tiny(model__name="semi_supervised", **overrides), data)
