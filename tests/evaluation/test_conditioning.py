"""The figures of a condition, of models whose answer is known."""

import numpy as np
import pytest

from vae.evaluation.conditioning import measure

NAMES = ("Bright", "Warm", "Nothing")
SHAPE = (2, 3, 1)
RNG = np.random.default_rng(0)
EFFECT = np.concatenate([RNG.normal(size=(2, 6)), np.zeros((1, 6))])  # of each attribute, on x
OF_CLASS = RNG.normal(size=(3, 6))


def attributes(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """x = content + y EFFECT, y one of two values, one of any from 10 to 60, and one of two."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, (number, 3)).astype(np.float32)
    y[:, 1] = rng.uniform(10, 60, number) + 5 * y[:, 0]  # as a rule with the first
    x = 0.5 * rng.normal(size=(number, 6)) + (y / [1, 50, 1]) @ EFFECT
    return np.float32(x).reshape(-1, *SHAPE), y


def classes(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, number)
    x = 0.5 * rng.normal(size=(number, 6)) + OF_CLASS[y]
    return np.float32(x).reshape(-1, *SHAPE), y


def effect(y: np.ndarray) -> np.ndarray:
    """What y adds to the image, [N, 6]."""
    return OF_CLASS[y] if y.ndim == 1 else (y / [1, 50, 1]) @ EFFECT


def content(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An encoder that takes away of x what it is told."""
    z = x.reshape(-1, 6) - effect(y)
    return z, z


def figures(encode, decode, *, of=attributes, **how):
    names = NAMES if of is attributes else ("0", "1", "2")
    exclusive = of is classes
    return measure(encode, decode, of(3000, 1), of(1000, 2), names, exclusive=exclusive, **how)


@pytest.mark.parametrize("of", [attributes, classes])
@pytest.mark.parametrize("share", [1.0, 0.6, 0.0])
def test_the_response_is_the_share_of_the_difference_of_means_that_is_decoded(of, share):
    found = figures(content, lambda z, y: (z + share * effect(y)).reshape(-1, *SHAPE), of=of)
    told = np.isfinite(found.response)
    np.testing.assert_allclose(found.response[told], share, atol=0.03)
    assert abs(found.overall - share) < 0.02
    assert found.weak is (share < 0.5)
    np.testing.assert_allclose(found.r2[told], 0, atol=0.03)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_class_of_a_field_takes_the_place_of_another(share):
    """Two fields that go together: an example is never told two classes of one, nor none."""
    names = ("a=0", "a=1", "b=0", "b=1", "b=2")
    effects = np.random.default_rng(3).normal(size=(5, 6))

    def fields(number, seed):
        rng = np.random.default_rng(seed)
        a = rng.integers(0, 2, number)
        b = np.where(rng.random(number) < 0.5, a, rng.integers(0, 3, number))
        y = np.concatenate([np.eye(2)[a], np.eye(3)[b]], axis=1).astype(np.float32)
        x = 0.5 * rng.normal(size=(number, 6)) + y @ effects
        return np.float32(x).reshape(-1, *SHAPE), y

    def encode(x, y):
        assert (y[:, :2].sum(1) == 1).all() and (y[:, 2:].sum(1) == 1).all()
        z = np.concatenate([x.reshape(-1, 6) - y @ effects, y], axis=1)
        return z, z

    def decode(z, y):
        assert (y[:, :2].sum(1) == 1).all() and (y[:, 2:].sum(1) == 1).all()
        return (z[:, :6] + share * y @ effects).reshape(-1, *SHAPE)

    found = measure(encode, decode, fields(3000, 1), fields(1000, 2), names, exclusive=False)
    np.testing.assert_allclose(found.response, share, atol=0.05)
    assert abs(found.overall - share) < 0.02
    np.testing.assert_array_equal(found.accuracy, 1)  # z has a copy of what the encoder is told
    np.testing.assert_array_equal(found.accuracy_opposite, 0)


def test_changes_are_of_two_values_or_between_percentiles():
    found = figures(content, lambda z, y: (z + effect(y)).reshape(-1, *SHAPE))
    rms = np.sqrt((EFFECT[:2] ** 2).mean(1)) * [1, 0.9 * 50 / 50]  # from 5% to 95% of a range of 50
    np.testing.assert_allclose(found.change[:2], rms, rtol=0.05)
    np.testing.assert_allclose(found.data_change[:2], rms, rtol=0.05)
    assert np.isnan(found.response[2])  # it makes no difference to the data
    assert "Nothing" in found.table() and "response" not in found.table()["Nothing"]


@pytest.mark.parametrize("of", [attributes, classes])
def test_an_encoder_that_copies_is_told_from_one_that_sees(of):
    def code(y):
        return np.eye(3)[y] if y.ndim == 1 else y / [1, 50, 1]

    def copies(x, y):
        z = np.concatenate([content(x, y)[0], code(y)], axis=1)
        return z, z

    def ignores(z, y):
        return (z[:, :6] + z[:, 6:] @ (OF_CLASS if of is classes else EFFECT)).reshape(-1, *SHAPE)

    found = figures(copies, ignores, of=of)
    assert found.overall == pytest.approx(0, abs=1e-6) and found.weak
    np.testing.assert_allclose(found.r2, 1, atol=1e-3)
    kept = np.isfinite(found.accuracy)
    assert kept.tolist() == ([True] if of is classes else [True, False, True])
    np.testing.assert_array_equal(found.accuracy[kept], 1)
    np.testing.assert_array_equal(found.accuracy_opposite[kept], 0)
    assert "0.00 times" in found.sentence() and "in 0.0% if" in found.sentence()

    seen = figures(lambda x, y: copies(x, _seen(x)), ignores, of=of)
    np.testing.assert_array_equal(seen.accuracy, seen.accuracy_opposite)


def _seen(x: np.ndarray) -> np.ndarray:
    """y of an image, as if it could be seen on it without error."""
    for of in (attributes, classes):
        for seed, number in ((1, 3000), (2, 1000)):
            images, y = of(number, seed)
            if x.shape[0] <= number and np.array_equal(images[: len(x)], x):
                return y[: len(x)]
    raise AssertionError
