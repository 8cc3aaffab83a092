"""Ragged examples: batches of like lengths, a pure function of the step, cut to few lengths."""

import itertools
from dataclasses import replace

import jax
import numpy as np
import pytest

from vae.data import lengths as lengths_module
from vae.data.batches import (
    Batches,
    HostBatch,
    apply_in_batches,
    evaluation_batches,
    given_batches,
    stack,
)
from vae.data.examples import Raw, in_memory
from vae.data.lengths import lengths_of, rounded
from vae.data.order import WINDOW, LikeLengths

SENTENCES = np.clip(np.random.default_rng(0).lognormal(3, 0.5, 3000), 2, 82).astype(np.int32)


def ragged(lengths):
    """Examples [N, T, 1] whose values are their numbers at all of their positions."""
    values = np.arange(len(lengths), dtype=np.int16)[:, None, None]
    there = np.arange(max(lengths))[:, None] < np.asarray(lengths)[:, None, None]
    return in_memory(np.where(there, values, -1).astype(np.int16)).measured()


def test_lengths_are_read_from_the_marks():
    tokens = np.array([[[3], [0], [-1]], [[0], [-1], [-1]], [[1], [-1], [2]], [[-1]] * 3])
    assert lengths_of(tokens).tolist() == [2, 1, 3, 0]
    sound = np.zeros((2, 4, 3), np.float32)
    sound[0, 1:] = np.nan
    assert lengths_of(sound).tolist() == [1, 4]
    np.testing.assert_array_equal(ragged(SENTENCES[:50]).lengths, SENTENCES[:50])


@pytest.mark.parametrize("number", [1, 2, 3])
def test_no_other_lengths_have_less_padding(number, monkeypatch):
    monkeypatch.setattr(lengths_module, "MOST", number)
    monkeypatch.setattr(lengths_module, "WORTH", -1.0)
    for seed in range(20):
        lengths = np.random.default_rng(seed).integers(0, 12, 20)
        found, longest = rounded(lengths), lengths.max()
        assert (found >= lengths).all() and len(set(found.tolist())) <= number
        others = itertools.combinations(range(1, longest), number - 1)
        sums = [np.array([*o, longest])[np.searchsorted([*o, longest], lengths)] for o in others]
        assert found.sum() == min(each.sum() for each in sums)


def test_there_is_one_length_where_more_would_save_little():
    assert set(rounded(np.full(9, 7))) == {7}
    assert set(rounded(np.arange(97, 101))) == {100}
    assert 2 < len(set(rounded(SENTENCES).tolist())) <= lengths_module.MOST


@pytest.mark.parametrize(("size", "together"), [(32, 1), (32, 4), (7, 3), (2000, 1), (5000, 2)])
def test_every_window_has_the_examples_that_it_would_have_anyway(size, together):
    order = LikeLengths(SENTENCES, batch_size=size, seed=1, together=together)
    steps = 2 * len(SENTENCES) // size + 2 * WINDOW * together
    seen = [order.indices(s) for s in range(steps)]
    assert {(len(each), each.dtype) for each in seen} == {(size, np.dtype(np.int32))}
    again = LikeLengths(SENTENCES, batch_size=size, seed=1, together=together)
    for step in reversed(range(0, steps, 7)):  # whatever was asked before
        np.testing.assert_array_equal(again.indices(step), seen[step])
    whole = max(1, min(WINDOW, len(SENTENCES) // (size * together))) * together
    epoch = np.concatenate(seen[: steps // whole * whole])
    counts = np.bincount(epoch, minlength=len(SENTENCES))
    assert counts.max() - counts.min() <= 1  # none is seen again before all others


def test_no_batch_has_an_example_of_two_epochs_twice():
    order = LikeLengths(SENTENCES[:1432], batch_size=32, seed=0)  # nearly every window has two
    assert all(len(set(order.indices(s).tolist())) == 32 for s in range(450))


def padding(order, steps, together=1):
    """The positions of batches cut to their longest, those of a call alike, over the examples'."""
    of_calls = [
        np.concatenate([order.indices(s + i) for i in range(together)])
        for s in range(0, steps, together)
    ]
    longest = sum(SENTENCES[index].max() * len(index) for index in of_calls)
    return longest / sum(SENTENCES[index].sum() for index in of_calls)


@pytest.mark.parametrize("together", [1, 5])
def test_a_call_has_like_lengths_in_no_order(together):
    order = LikeLengths(SENTENCES, batch_size=32, seed=1, together=together)
    assert padding(order, 90, together) < 1.15  # windows of one epoch, mostly
    firsts = [SENTENCES[order.indices(s)].mean() for s in range(0, 50, together)]
    assert firsts != sorted(firsts)
    other = LikeLengths(SENTENCES, batch_size=32, seed=2, together=together)
    assert (other.indices(0) != order.indices(0)).any()


def test_training_batches_are_cut_to_a_few_lengths_that_hold_them():
    examples, allowed = ragged(SENTENCES), set(rounded(SENTENCES).tolist())
    with Batches(replace(examples, resident=True), batch_size=32, seed=3) as batches:
        for step in (0, 1, 30, 31, 7):
            index, raw, _ = batches.batch(step)
            assert raw.values.shape[1] in allowed
            np.testing.assert_array_equal(raw.values[:, 0, 0], index)
            np.testing.assert_array_equal((raw.values >= 0).sum((1, 2)), SENTENCES[index])


def test_what_is_stacked_is_padded_with_missing_positions():
    def batch(length, dtype):
        values = np.ones((2, length, 3), dtype)
        return HostBatch(np.arange(2), Raw(values, np.zeros(2, np.int32)))

    tokens = stack([batch(4, np.int16), batch(6, np.int16)])
    assert tokens.raw.values.dtype == np.int16 and tokens.index.shape == (2, 2)
    np.testing.assert_array_equal(lengths_of(tokens.raw.values.reshape(4, 6, 3)), [4, 4, 6, 6])
    members = stack([stack([batch(5, np.float32)]), stack([batch(2, np.float32)])])
    assert members.raw.values.shape == (2, 1, 2, 5, 3)
    np.testing.assert_array_equal(np.isnan(members.raw.values).sum((1, 2, 3, 4)), [0, 18])


def test_evaluations_go_from_the_longest_to_the_shortest():
    examples = ragged(SENTENCES[:101])
    found = list(evaluation_batches(examples, 16))
    lengths = [b.raw.values.shape[1] for b in found]
    assert lengths == sorted(lengths, reverse=True) and 1 < len(set(lengths)) < len(found)
    assert sum(lengths) * 16 < 1.4 * SENTENCES[:101].sum()
    index = np.concatenate([b.index for b in found])[:101]
    np.testing.assert_array_equal(np.sort(index), np.arange(101))
    values = np.concatenate([(b.raw.values >= 0).sum((1, 2)) for b in found])[:101]
    np.testing.assert_array_equal(values, SENTENCES[:101][index])
    given = list(given_batches(examples.raw, 16, examples.lengths))
    for one, other in zip(found, given, strict=True):
        np.testing.assert_array_equal(one.counted, other.counted)
        for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
            np.testing.assert_array_equal(a[one.counted], b[one.counted])
    for i in range(2):
        pieces = evaluation_batches(examples, 16, process_index=i, process_count=2)
        assert [piece.raw.values.shape[1] for piece in pieces] == lengths


@pytest.mark.parametrize("size", [1, 16, 500])
def test_what_is_applied_to_ragged_examples_comes_back_in_their_order(size):
    examples, shapes = ragged(SENTENCES[:101]), set()

    def function(raw):
        shapes.add(raw.values.shape)
        return {"first": raw.values[:, 0, 0], "sum": (raw.values >= 0).sum((1, 2))}

    made = apply_in_batches(function, examples.raw, size, "testing", examples.lengths)
    np.testing.assert_array_equal(made["first"], np.arange(101))
    np.testing.assert_array_equal(made["sum"], SENTENCES[:101])
    assert len(shapes) == 1 if size == 500 else 1 < len(shapes) <= lengths_module.MOST


def test_noise_of_an_example_does_not_depend_on_the_cut():
    for draw in (jax.random.uniform, jax.random.normal, jax.random.gumbel, jax.random.bits):
        whole = draw(jax.random.key(3), (82, 3))
        np.testing.assert_array_equal(draw(jax.random.key(3), (13, 3)), whole[:13])
