"""A stack gives back what was pushed, at the cost that the probabilities say."""

import numpy as np
import pytest
import scipy.stats

from vae.compression import file
from vae.compression.latents import CELLS, REACH, standard, width_of
from vae.compression.numbers import numbers_of, x_of
from vae.compression.stack import (
    Exhausted,
    Stack,
    bernoulli,
    categorical,
    near,
    normal,
    seeded,
)
from vae.errors import InputError
from vae.probability.event import Event, Values

pytest.importorskip("constriction")


def cost(distribution, symbols):
    """Bits that a million bits grow by."""
    words = np.random.default_rng(3).integers(1, 2**32, 40_000, np.uint32)
    pile = Stack(words)
    before = pile.bits
    pile.push(distribution, symbols)
    grown = pile.bits - before
    np.testing.assert_array_equal(pile.pop(distribution), symbols)
    np.testing.assert_array_equal(pile.words(), words)
    return grown


def test_symbols_cost_minus_the_logarithm_of_their_probability():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(5), 4000).astype(np.float32)
    symbols = np.array([rng.choice(5, p=row / row.sum()) for row in p.astype(float)])
    expected = -np.log2(p[np.arange(4000), symbols]).sum()
    assert cost(categorical(p), symbols) == pytest.approx(expected, rel=1e-3)
    ones = p[:, 0]
    bits = rng.random(4000) < ones
    expected = -np.log2(np.where(bits, ones, 1 - ones)).sum()
    assert cost(bernoulli(ones), bits) == pytest.approx(expected, rel=1e-3)


def test_cells_cost_the_density_of_a_normal_and_the_width_of_a_cell():
    rng = np.random.default_rng(0)
    mean, std = rng.normal(0, 300, 4000), np.exp(rng.normal(3, 0.5, 4000))
    cells = np.rint(rng.normal(mean, std))
    expected = -scipy.stats.norm.logpdf(cells, mean, std).sum() / np.log(2)
    assert cost(normal(mean, std, REACH), cells) == pytest.approx(expected, rel=2e-3)
    u = np.rint(CELLS * rng.normal(size=4000))
    expected = -scipy.stats.norm.logpdf(u, 0, CELLS).sum() / np.log(2)
    assert cost(standard(4000), u) == pytest.approx(expected, rel=1e-3)


def test_what_is_drawn_is_near_the_mean():
    """One in 2^11 numbers would be drawn from all of the grid, and spoil its example."""
    rng = np.random.default_rng(0)
    mean, std = rng.normal(0, 300, 20_000), np.exp(rng.normal(2, 1.5, 20_000))
    mean[0] = 1e6
    pile = Stack(rng.integers(1, 2**32, 20_000, np.uint32))
    before, drawn = pile.bits, near(mean, std, REACH)
    u = pile.pop(drawn)
    away = np.abs(u - mean)[1:] / (std[1:] + 0.5)
    assert away.max() < 12.5
    wide = (std > 5) & (std < 200) & (np.arange(20_000) > 0)
    assert ((u - mean) / std)[wide].std() == pytest.approx(1, abs=0.03)
    assert u[0] > 0.99 * REACH
    expected = np.log2(std[wide] * np.sqrt(2 * np.pi * np.e)).sum()
    alone = near(mean[wide], std[wide], REACH)
    assert cost(alone, u[wide]) == pytest.approx(expected, rel=0.02)
    pile.push(drawn, u)
    assert pile.bits == before
    with pytest.raises(InputError, match="no probability"):
        pile.push(drawn, u + 3000)


def test_what_a_model_rules_out_can_be_coded_all_the_same():
    symbols = np.array([0, 1, 1])
    assert cost(categorical(np.array([[0, 1], [1, 0], [0.5, 0.5]], np.float32)), symbols) < 60
    far = np.array([-REACH, REACH - 1, 0])
    assert cost(normal(np.array([1e9, -1e9, 5.0]), np.array([1e-30, 1e30, 0.0]), REACH), far) < 100
    for wrong in (np.nan, np.inf):
        with pytest.raises(InputError, match="has diverged"):
            normal([wrong], [1.0], REACH)
        with pytest.raises(InputError, match="has diverged"):
            categorical(np.array([[wrong, 1.0, 0.0]], np.float32))


def test_what_is_popped_is_drawn_whatever_was_pushed():
    """Latents far from the prior, and popped again as others, would not be."""
    pile, far = Stack(seeded(2)), np.full(3000, 600)
    pile.push(standard(3000), far)
    words = pile.words()
    pile.scramble(3)
    drawn = pile.pop(standard(1500))
    assert scipy.stats.kstest(drawn / CELLS, "norm").pvalue > 0.01
    assert pile.popped / 1500 == pytest.approx(10.05, abs=0.1)
    pile.push(standard(1500), drawn)
    pile.scramble(3)
    np.testing.assert_array_equal(pile.words(), words)
    np.testing.assert_array_equal(pile.pop(standard(3000)), far)
    np.testing.assert_array_equal(pile.words(), seeded(2))
    with pytest.raises(Exhausted):
        pile.pop(standard(20))


def test_a_width_is_fine_and_reaches():
    rng = np.random.default_rng(0)
    std = np.exp(rng.normal(-3, 0.2, (50, 8)))
    width = width_of(rng.normal(size=(50, 8)), std)
    assert width <= np.quantile(std, 0.05) / 8 and np.log2(width) % 1 == 0
    assert width_of(np.array([[1000.0]]), np.array([[0.01]])) * 2**14 > 1000


@pytest.mark.parametrize(
    "values",
    [
        Values("levels", scale=255.0, levels=256),
        Values("counts", scale=37.0, levels=38),
        Values("tokens", levels=9, missing=True, end=0),
        Values("levels", scale=4.0, levels=5, missing=True),
    ],
)
def test_values_are_numbers_and_back(values):
    event = Event((6, 2), values)
    numbers = np.random.default_rng(0).integers(0, values.levels, (4, 12), np.int32)
    if values.missing:
        numbers[1, 8:] = numbers[2, 2:] = -1
    x = np.asarray(x_of(numbers, event))
    np.testing.assert_array_equal(numbers_of(x, event), numbers)
    if values.kind != "tokens":
        raw = values.to_raw(x)
        np.testing.assert_array_equal(values.to_x(raw.astype(np.int16)), x)
    if values.missing:
        gap = numbers.copy()
        gap[0, 2:4] = -1
        with pytest.raises(InputError, match="before their end"):
            numbers_of(np.asarray(x_of(gap, event)), event)
    else:
        with pytest.raises(InputError, match="values outside"):
            numbers_of(x * 1.5 + 1, event)


def test_a_file_says_what_is_wrong_with_it(tmp_path):
    path, words = tmp_path / "x.vae", np.arange(1, 60, dtype=np.uint32)
    size = file.write(path, {"rows": [1, 2]}, words)
    content = path.read_bytes()
    assert sum(size.values()) == len(content) and size["stack"] == 4 * 59
    header, found = file.read(path)
    assert header == {"rows": [1, 2]}
    np.testing.assert_array_equal(found, words)
    flipped = [content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :] for at in (6, 15, 70)]
    for damaged in (*flipped, content[:-5], content[:3], content[:30], content + b"x"):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"is damaged|no file that|another version"):
            file.read(path)
    path.write_bytes(b"PK\3\4 and more")
    with pytest.raises(InputError, match="no file that `vae compress` wrote"):
        file.read(path)
    with pytest.raises(InputError, match="does not exist"):
        file.read(tmp_path / "none.vae")
