"""How the values of an x are found one by one: by nuclei, temperatures and beams."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import facts
from rows import parts as parts_of
from test_causal_decoder import GRU, assert_drawn_from, far_from_the_start

from vae import models
from vae.errors import InputError
from vae.models import parts
from vae.models.emission import Emission
from vae.models.one_by_one import Decoding, nucleus
from vae.probability.distributions import example_keys
from vae.probability.event import BINARY, Event, Values
from vae.probability.likelihoods import Bernoulli, Categorical, DiscretizedLogistic, Tokens
from vae.probability.terms import Batch

SENTENCE = Event((4, 1), Values("tokens", levels=3, end=0))
TOKENS = Event((3, 1), Values("tokens", levels=4))
COLOUR = Event((2, 1, 2), Values("levels", scale=2.0, levels=3))
Z = jax.random.normal(jax.random.key(5), (6, 2))
CASES = {
    "sentence": ("lstm", Tokens(3), SENTENCE),
    "tokens": ("causal_transformer", Tokens(4), TOKENS),
    "colour": ("gru", Categorical(3), COLOUR),
    "logistic": ("gru", DiscretizedLogistic(3), COLOUR),
    "bits": ("gru", Bernoulli(), Event((4, 1), BINARY)),
}


@functools.cache
def emission_of(case):
    """p(x | z) in which each value depends on those before it, and on z."""
    name, likelihood, event = CASES[case]
    outputs = likelihood.outputs(event.channels)
    decoder = parts_of("model.decoder")[name](widths=(8, 8), event=event, outputs=outputs)
    emission = Emission(decoder, likelihood, event)
    start = jax.jit(lambda key: emission.init(Z[:1], None, key=key))(jax.random.key(0))
    return emission, far_from_the_start(parts.join(start))


@functools.cache
def every(case):
    """All x there are, as numbers [M, L], and log p(x | z) of each, [N, M]."""
    (emission, variables), event = emission_of(case), CASES[case][2]
    end, levels = event.values.end, event.values.levels
    numbers = np.array(list(itertools.product(range(levels), repeat=event.size)))
    if end is not None:
        ended = (np.cumsum(numbers == end, axis=1) - (numbers == end)) > 0
        numbers = np.unique(np.where(ended, -1, numbers), axis=0)
    x = emission.decoder.from_numbers(jnp.maximum(numbers, 0)).reshape(-1, *event.shape)
    counts = jnp.asarray(numbers >= 0).reshape(-1, *event.shape)[..., 0] if end == 0 else None

    def log_p(z):
        outputs = emission.outputs(variables, jnp.broadcast_to(z, (len(x), 2)), None, x=x)
        return emission.log_prob(variables, outputs, Batch(x, mask=counts))

    log_p = jax.jit(jax.vmap(log_p))(Z)
    np.testing.assert_allclose(np.exp(log_p).sum(1), 1, rtol=1e-5)
    return numbers, np.asarray(log_p)


def found(case, decoding, keys=None):
    """The numbers [N, L] of what is decoded from Z."""
    emission, variables = emission_of(case)
    if decoding is not None:
        emission = emission.with_decoding(decoding)
    x = jax.jit(lambda z: emission.decode(variables, z, None, keys=keys))(Z)
    assert x.shape == (len(Z), *emission.event.shape)
    return numbers_of(case, x)


def numbers_of(case, x):
    numbers = np.asarray(emission_of(case)[0].decoder.to_numbers(x)).reshape(len(x), -1)
    return np.where(np.asarray(x).reshape(len(x), -1) < 0, -1, numbers)


def log_p_of(case, numbers):
    all_numbers, log_p = every(case)
    rows = [np.flatnonzero((all_numbers == n).all(1)).item() for n in numbers]
    return log_p[np.arange(len(numbers)), rows]


def greedy(case):
    """The most probable value given those before it, from the probabilities of all x."""
    numbers, log_p = every(case)
    best = []
    for row in np.exp(log_p):
        taken = np.ones(len(numbers), bool)
        for place in range(numbers.shape[1]):
            values = np.unique(numbers[taken, place])
            mass = [row[taken & (numbers[:, place] == v)].sum() for v in values]
            taken &= numbers[:, place] == values[np.argmax(mass)]
        best.append(numbers[taken][0])
    return np.array(best)


@pytest.mark.parametrize("case", CASES)
def test_a_wide_beam_finds_the_most_probable_x_of_all(case):
    numbers, log_p = every(case)
    event = CASES[case][2]
    wide = Decoding(beam=event.values.levels ** (event.size - 1))  # every beginning is kept
    np.testing.assert_array_equal(found(case, wide), numbers[log_p.argmax(1)])
    two = found(case, Decoding(beam=2))
    assert (log_p_of(case, two) <= log_p.max(1)).all()


def test_the_cases_tell_beams_from_greedy():
    different = [(found(c, Decoding(beam=2)) != greedy(c)).any(1) for c in CASES]
    assert np.concatenate(different).any()
    best = [every(c)[0][every(c)[1].argmax(1)] for c in CASES]
    assert any((b != greedy(c)).any() for b, c in zip(best, CASES, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_one_beam_and_no_temperature_are_greedy(case):
    keys = example_keys(jax.random.key(1), np.arange(len(Z)))
    np.testing.assert_array_equal(found(case, Decoding(beam=1)), greedy(case))
    for low in (0.0, 1e-4):
        np.testing.assert_array_equal(found(case, Decoding(temperature=low), keys), greedy(case))


@pytest.mark.parametrize("case", ["sentence", "tokens"])
def test_tokens_without_keys_are_greedy(case):
    np.testing.assert_array_equal(found(case, None), greedy(case))


@pytest.mark.parametrize("case", ["sentence", "colour"])
def test_draws_have_the_probabilities_of_their_decoding(case):
    """A temperature of 1/2 squares the probability of each value, given those before it."""
    emission, variables = emission_of(case)
    emission, number = emission.with_decoding(Decoding(temperature=0.5)), 4000
    numbers, log_p = every(case)
    p, squared = np.exp(log_p[0]), np.ones(len(numbers))
    for place in range(numbers.shape[1]):
        for i, own in enumerate(numbers):
            same = (numbers[:, :place] == own[:place]).all(1)
            mass = np.bincount(numbers[same, place] + 1, weights=p[same]) ** 2
            squared[i] *= mass[own[place] + 1] / mass.sum()
    keys = example_keys(jax.random.key(3), np.arange(number))
    z = jnp.broadcast_to(Z[0], (number, 2))
    x = jax.jit(lambda: emission.decode(variables, z, None, keys=keys))()
    drawn = numbers_of(case, x)
    counts = np.array([(drawn == n).all(1).sum() for n in numbers])
    assert counts.sum() == number
    assert_drawn_from(squared, counts)
    with pytest.raises(AssertionError):
        assert_drawn_from(p, counts)


def test_a_nucleus_is_the_smallest_set_with_the_mass():
    p = np.random.default_rng(0).dirichlet(np.full(50, 0.2), size=20).astype(np.float32)
    for mass in (0.1, 0.5, 0.9, 0.999):
        kept = np.asarray(jax.jit(nucleus, static_argnums=1)(p, mass))
        for row, k in zip(p, kept, strict=True):
            order = np.sort(row)[::-1].astype(np.float64)
            size = int(np.searchsorted(np.cumsum(order), mass)) + 1
            assert k.sum() == size and row[k].min() >= row[~k].max()
    equal = np.array([[0.25] * 4, [0.1, 0.4, 0.1, 0.4], [0, 0, 1, 0]], np.float32)
    kept = nucleus(equal, 0.45)
    expected = [[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0]]
    np.testing.assert_array_equal(kept, np.array(expected, bool))
    np.testing.assert_array_equal(nucleus(equal[1:2], 0.85), [[True, True, False, True]])


def test_draws_of_a_nucleus_are_in_it():
    keys = example_keys(jax.random.key(1), np.arange(500))
    p = jnp.array([0.05, 0.5, 0.15, 0.3])
    decoding = Decoding(top_p=0.75)
    drawn = decoding.draw(jnp.broadcast_to(jnp.log(p), (500, 4)), keys)
    counts = np.bincount(drawn, minlength=4)
    assert counts[0] == counts[2] == 0 and abs(counts[1] / 500 - 0.625) < 0.07


def test_without_temperature_and_nucleus_tokens_are_drawn_as_from_p():
    keys = example_keys(jax.random.key(1), np.arange(len(Z)))
    drawn = found("tokens", None, keys)
    np.testing.assert_array_equal(found("tokens", Decoding(), keys), drawn)
    assert len({tuple(n) for n in drawn}) > 1


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"temperature": -1.0}, "must be from 0"),
        ({"temperature": float("nan")}, "must be from 0"),
        ({"top_p": 0.0}, "above 0"),
        ({"top_p": 1.5}, "at most 1"),
        ({"beam": 0}, "beam=0 must be a whole number of at least 1"),
        ({"beam": 1.5}, r"beam=1\.5 must be a whole number"),
        ({"beam": 2, "top_p": 0.5}, "draws nothing"),
    ],
)
def test_a_decoding_out_of_range_is_refused(settings, reason):
    with pytest.raises(InputError, match=reason):
        Decoding(**settings)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "all values of an x at once"),
        ({"model__name": "semi_supervised"}, "all values of an x at once"),
        ({**GRU, "model__likelihood": "gaussian"}, "has a density"),
    ],
)
def test_models_without_values_one_by_one_refuse_a_decoding(settings, reason):
    data = facts(np.full((2, 2, 1), 0.4), num_classes=3)
    model = models.build(tiny(**settings).model, data)
    with pytest.raises(InputError, match=reason):
        model.with_decoding(Decoding(beam=2))


def test_a_semi_supervised_model_passes_a_decoding_on():
    data = facts(np.full((2, 2, 1), 0.4), BINARY, num_classes=3)
    settings = {**GRU, "model__name": "semi_supervised", "model__likelihood": "bernoulli"}
    model = models.build(tiny(**settings).model, data).with_decoding(Decoding(beam=2))
    assert model.vae.emission.decoding == Decoding(beam=2)
