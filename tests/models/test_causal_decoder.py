"""A decoder that reads x in every model: p(x | z) as it is trained, and as it is drawn."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from configs import tiny
from facts import checked, facts
from rows import parts as parts_of

import vae
from vae import models
from vae.config import base
from vae.errors import InputError
from vae.evaluation.posterior import why_not
from vae.models import parts
from vae.models.emission import Emission
from vae.probability.distributions import example_keys
from vae.probability.event import BINARY, Event, Values
from vae.probability.likelihoods import Categorical, Tokens
from vae.probability.terms import Batch
from vae.rules.config import check_config

GRU = {"model__decoder": "gru", "model__decoder_widths": (8,)}
BITS = facts(np.full((2, 2, 1), 0.4), BINARY, num_classes=3)
EVERY_X = jnp.array(list(itertools.product((0.0, 1.0), repeat=4))).reshape(16, 2, 2, 1)


def model_of(data=BITS, **settings):
    """A model and variables that are far from those at the start."""
    settings = {"model__likelihood": "bernoulli", "model__latent_dim": 2, **GRU, **settings}
    model = models.build(tiny(**settings).model, data)
    variables = jax.jit(model.init)(key=jax.random.key(0))
    return model, far_from_the_start(variables)


@jax.jit
def far_from_the_start(variables):
    """A decoder in which each value depends on those before it, and on z."""
    leaves, tree = jax.tree.flatten(variables["params"]["decoder"])
    keys = jax.random.split(jax.random.key(1), len(leaves))
    leaves = [a + 0.7 * jax.random.normal(k, a.shape) for a, k in zip(leaves, keys, strict=True)]
    decoder = jax.tree.unflatten(tree, leaves)
    decoder["values"]["kernel"] *= 4
    return variables | {"params": variables["params"] | {"decoder": decoder}}


def probabilities(model, variables, y):
    """A z, leaves [1, ...], and p(x | z) of every x, [16]: the encoder is made to be constant."""
    variables["params"]["encoder"]["head"]["kernel"] *= 0
    keys = jnp.broadcast_to(jax.random.key(2), (1, 16))
    batch = Batch(EVERY_X, None if y is None else jnp.full(16, y), index=jnp.arange(16))
    terms = jax.jit(model.terms)(variables, batch, keys=keys)
    return jax.tree.map(lambda z: z[0, :1], terms.z), np.exp(terms.log_px[0])


def at_the_start(emission, z):
    return parts.join(jax.jit(lambda: emission.init(z, None, key=jax.random.key(0)))())


TOKENS = Event((3, 1), Values("tokens", levels=4))
COLOUR = Event((2, 1, 2), Values("levels", scale=2.0, levels=3))


@pytest.mark.parametrize(
    ("name", "likelihood", "event"),
    [("causal_transformer", Tokens(4), TOKENS), ("gru", Categorical(3), COLOUR)],
)
def test_tokens_and_colours_are_drawn_with_their_probabilities(name, likelihood, event):
    levels, number = event.values.levels, 10_000
    decoder = parts_of("model.decoder")[name](
        widths=(8, 8), event=event, outputs=likelihood.outputs(event.channels)
    )
    emission, z = Emission(decoder, likelihood, event), jnp.array([[0.3, -1.0]])
    variables = far_from_the_start(at_the_start(emission, z))
    numbers = np.array(list(itertools.product(range(levels), repeat=event.size)))
    x = decoder.from_numbers(jnp.array(numbers)).reshape(-1, *event.shape)

    def given(z, x):
        outputs = emission.outputs(variables, jnp.broadcast_to(z, (len(x), 2)), None, x=x)
        return emission.log_prob(variables, outputs, Batch(x))

    expected = np.exp(jax.jit(given)(z, x))
    np.testing.assert_allclose(expected.sum(), 1, rtol=1e-5)
    keys = example_keys(jax.random.key(3), np.arange(number))
    many = jnp.broadcast_to(z, (number, 2))
    drawn = jax.jit(lambda: emission.decode(variables, many, None, keys=keys))()
    assert drawn.dtype == x.dtype and drawn.shape[1:] == event.shape
    drawn = np.asarray(decoder.to_numbers(drawn)).reshape(number, -1)
    counts = np.bincount(drawn @ levels ** np.arange(event.size)[::-1], minlength=len(x))
    assert_drawn_from(expected, counts)
    # Independent values with the same marginals would be detected.
    one_hot = np.eye(levels)[numbers]
    marginal = np.einsum("n,nlv->lv", expected, one_hot)
    with pytest.raises(AssertionError):
        assert_drawn_from(np.einsum("lv,nlv->nl", marginal, one_hot).prod(-1), counts)


def assert_drawn_from(expected, counts):
    """Chi-square of counts; what is rarely expected is put together."""
    expected = np.asarray(expected, np.float64)
    expected *= counts.sum() / expected.sum()
    rare = expected < 10
    counts, expected = (np.append(a[~rare], a[rare].sum()) for a in (counts, expected))
    some = expected > 0
    assert scipy.stats.chisquare(counts[some], expected[some]).pvalue > 1e-3


MODELS = {
    "vae": {"model__condition": "label"},
    "two_layer": {"model__decoder": "lstm", "model__top_dim": 2, "model__top_widths": (4,)},
    "fsq": {
        "model__decoder": "causal_transformer",
        "model__levels": (3, 3),
        "model__num_latents": 2,
        "model__transformer_width": 4,
        "model__transformer_layers": 1,
    },
}


@pytest.mark.parametrize("name", MODELS)
def test_examples_are_drawn_with_the_probabilities_of_the_terms(name):
    model, variables = model_of(model__name=name, **MODELS[name])
    y, number = 1 if model.condition else None, 10_000
    z, expected = probabilities(model, variables, y)
    np.testing.assert_allclose(expected.sum(), 1, rtol=1e-5)

    z = jax.tree.map(lambda z: jnp.broadcast_to(z, (number, *z.shape[1:])), z)
    y = None if y is None else jnp.full(number, y)
    keys = example_keys(jax.random.key(3), np.arange(number))
    decode = jax.jit(model.decode)
    drawn = np.asarray(decode(variables, z, y, keys=keys))
    counts = np.bincount(drawn.reshape(number, 4).astype(int) @ [8, 4, 2, 1], minlength=16)
    assert_drawn_from(expected, counts)
    one = jax.tree.map(lambda leaf: leaf[7:8], (z, y, keys))
    np.testing.assert_array_equal(decode(variables, *one[:2], keys=one[2])[0], drawn[7])

    # Without keys each value is the more probable one, given those before it.
    table, chosen = expected.reshape(2, 2, 2, 2), ()
    for _ in range(4):
        given = table[chosen]
        chosen += (int(given[1].sum() > given[0].sum()),)
    typical = decode(variables, *one[:2])
    np.testing.assert_array_equal(typical.reshape(-1), chosen)


NOISY = {
    "vae": {"model__decoder": "lstm", "model__dropout": 0.5},
    "two_layer": {**MODELS["two_layer"], "model__word_dropout": 0.9},
    "fsq": {**MODELS["fsq"], "model__dropout": 0.5},
}


@pytest.mark.parametrize("name", NOISY)
def test_figures_are_of_the_model_without_noise_and_noise_is_an_example_s_own(name):
    model, variables = model_of(model__name=name, **NOISY[name])
    quiet, _ = model_of(
        model__name=name, **NOISY[name] | {"model__dropout": 0.0, "model__word_dropout": 0.0}
    )
    batch = Batch(EVERY_X[:6], index=jnp.arange(6))
    keys = jax.random.split(jax.random.key(2), (2, 6))

    def terms(model, batch, keys, train):
        of = jax.jit(lambda: model.terms(variables, batch, keys=keys, train=train))
        return of().log_px

    expected = terms(quiet, batch, keys, False)
    np.testing.assert_array_equal(terms(model, batch, keys, False), expected)
    noisy = terms(model, batch, keys, True)
    assert (np.abs(noisy - expected).max(0) > 1e-3).all()
    part = Batch(batch.x[3:], index=batch.index[3:])
    np.testing.assert_allclose(terms(model, part, keys[:, 3:], True), noisy[:, 3:], rtol=1e-4)


def test_a_run_stops_goes_on_and_is_used(tmp_path):
    settings = {**GRU, "model__likelihood": "categorical", "evaluation__every_steps": 2}
    settings |= {"checkpoint__every_steps": 2, "log__every_steps": 2}
    vae.train(tiny(**settings, training__steps=2), tmp_path / "run")
    result = vae.train(tiny(**settings, training__steps=4), tmp_path / "run")
    assert (result["status"], result["step"]) == ("completed", 4)
    assert 0 < result["metrics"]["test/bits_per_dim"] < 6

    run = vae.load(tmp_path / "run")
    drawn = run.sample(5)
    np.testing.assert_array_equal(run.sample(5, draw=True), drawn)  # there is no mean to show
    np.testing.assert_array_equal(run.sample(2), drawn[:2])
    np.testing.assert_array_equal(np.rint(16 * drawn), 16 * drawn)
    assert len(np.unique(drawn)) > 5
    same = run.reconstruct(drawn)
    np.testing.assert_array_equal(run.reconstruct(drawn), same)
    np.testing.assert_array_equal(np.rint(16 * same), 16 * same)
    assert np.isfinite(run.log_likelihood(drawn)).all()

    # A nucleus of one value is greedy, as is one beam.
    narrow, one = (vae.Decoding(top_p=1e-6), vae.Decoding(beam=1))
    np.testing.assert_array_equal(run.sample(2, decoding=narrow), run.sample(2, decoding=one))
    z, half = run.encode(drawn).mean, vae.Decoding(top_p=0.5)
    made = run.decode(z, decoding=half, seed=1)
    np.testing.assert_array_equal(run.reconstruct(drawn, decoding=half, seed=1), made)
    assert (run.decode(z, decoding=half, seed=2) != made).any()


@pytest.mark.parametrize(
    ("settings", "data", "reason"),
    [
        ({"model__likelihood": "gaussian"}, facts(np.zeros((2, 2, 1)), Values("real")), "are real"),
        ({"model__likelihood": "mixture_of_logistics"}, facts(np.zeros((2, 2, 3))), "3 channels"),
        ({"model__decoder": "causal_transformer", "model__decoder_widths": (8, 4)}, BITS, "equal"),
        ({"model__decoder": "causal_transformer", "model__decoder_widths": (6,)}, BITS, "of 4"),
        ({"model__decoder_widths": ()}, BITS, "at least one"),
        ({"model__decoder": "wavenet", "model__decoder_widths": (8, 4)}, BITS, "must be equal"),
        (
            {"model__decoder": "wavenet", "model__decoder_widths": (8,) * 3},
            BITS,
            r"2\^2 values back, but",
        ),
        (
            {"model__tied_embeddings": True, "model__likelihood": "bernoulli"},
            BITS,
            "answers with a number for each of the 2 values",
        ),
    ],
)
def test_what_a_decoder_cannot_read_is_refused(settings, data, reason):
    with pytest.raises(InputError, match=reason):
        checked(tiny(**GRU | settings), data)


@pytest.mark.parametrize(
    "settings",
    [
        {"model.name": "gan", "model.adversary": "images"},
        {"model.adversary": "images"},
        {"model.image_loss": "ms_ssim"},
        {"model.regularizer": "gradient_penalty"},
    ],
)
def test_what_needs_slopes_of_the_mean_is_refused(settings):
    key, value = next(iter(settings.items()))
    config = base()
    config.update_from_flattened_dict({"model.decoder": "gru", **settings})
    with pytest.raises(InputError, match=f"{key}='{value}' needs an x that"):
        check_config(config)


def test_repairs_are_refused():
    model, _ = model_of()
    assert "reads x" in why_not(model)


@pytest.mark.parametrize("drawn", [True, False])
def test_positions_after_the_end_are_missing(drawn):
    event = Event((6, 1), Values("tokens", levels=3, missing=True, end=1))
    decoder = parts_of("model.decoder")["gru"](widths=(8,), event=event, outputs=3)
    p, z = Emission(decoder, Tokens(3), event), jax.random.normal(jax.random.key(1), (40, 2))
    variables = far_from_the_start(at_the_start(p, z[:1]))
    keys = jax.random.split(jax.random.key(2), 40) if drawn else None
    x = np.asarray(p.decode(variables, z, None, keys=keys))[..., 0]
    for sentence in x.tolist():
        length = sentence.index(1) + 1 if 1 in sentence else 6
        assert min(sentence[:length]) >= 0 and set(sentence[length:]) <= {-1}
    free = dataclasses.replace(p, event=Event((6, 1), Values("tokens", levels=3)))
    same = np.asarray(free.decode(variables, z, None, keys=keys))[..., 0]
    np.testing.assert_array_equal(np.where(x < 0, same, x), same)
    assert (x < 0).any()
