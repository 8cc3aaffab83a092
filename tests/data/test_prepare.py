import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.data.batches import HostBatch
from vae.data.examples import Raw
from vae.data.prepare import prepare, prepared_values
from vae.probability.event import BINARY, BYTES, Values

FLOATS = Values("real", low=-10.0, high=9.0)
COUNTS = Values("counts", 3000.0, 3001)
TOKENS = Values("tokens", levels=90)


def keys_of(ids, step=0):
    key = jax.random.fold_in(jax.random.key(0), step)
    return jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.asarray(ids))


def images(count, seed=0, high=256, shape=(6, 5, 1)):
    return np.random.default_rng(seed).integers(0, high, (count, *shape), dtype=np.uint8)


def x_of(raw, values, config, *, keys, train=True):
    """x of raw images given with the batch."""
    number = np.arange(len(raw))
    return prepare(
        HostBatch(number, Raw(raw, number)), None, values, config, train=train, keys=keys
    ).x


def test_plain_scale_and_gather(configure):
    raw, labels = images(20), np.arange(20, dtype=np.int32)
    index = np.array([3, 3, 19])
    table = Raw(jnp.asarray(raw), jnp.asarray(labels))
    gathered = prepare(HostBatch(index), table, BYTES, configure(), train=True, keys=keys_of(index))
    assert gathered.x.dtype == jnp.float32
    np.testing.assert_allclose(gathered.x, raw[index] / 255, rtol=1e-6)
    np.testing.assert_array_equal(gathered.y, index)
    np.testing.assert_array_equal(gathered.index, index)
    given = x_of(raw[index], BYTES, configure(), keys=keys_of(index))
    np.testing.assert_array_equal(gathered.x, given)
    with pytest.raises(ValueError, match="keys for 3 examples"):
        x_of(raw[:3], BYTES, configure(), keys=keys_of([1]))


@pytest.mark.parametrize("name", ["flip", "binarize", "dequantize"])
def test_noise_belongs_to_the_example(configure, name):
    config = configure(**{name: "dynamic" if name == "binarize" else True})
    raw = images(16)

    @jax.jit
    def run(raw, keys):
        return x_of(raw, BYTES, config, keys=keys)

    whole = run(raw, keys_of(np.arange(16)))
    shuffled = np.random.default_rng(0).permutation(16)[:4]
    np.testing.assert_array_equal(run(raw[shuffled], keys_of(shuffled)), whole[shuffled])
    assert not np.array_equal(run(raw, keys_of(np.arange(16), step=1)), whole)


def test_flip_in_training_only(configure):
    raw = np.broadcast_to(np.arange(5, dtype=np.uint8)[None, None, :, None], (2000, 1, 5, 1))
    config, keys = configure(flip=True), keys_of(np.arange(2000))
    trained = np.asarray(x_of(raw, BYTES, config, keys=keys))
    mirrored = trained[:, 0, 0, 0] > 0
    assert abs(mirrored.mean() - 0.5) < 0.05
    np.testing.assert_allclose(trained[mirrored][0, 0, ::-1, 0], raw[0, 0, :, 0] / 255)
    plain = x_of(raw, BYTES, config, train=False, keys=keys)
    np.testing.assert_allclose(plain, raw / 255, rtol=1e-6)


def test_dynamic_binarisation(configure):
    raw = np.broadcast_to(np.array([0, 4, 8, 16], np.uint8)[None, :, None, None], (20000, 4, 1, 1))
    x = np.asarray(
        x_of(
            raw,
            Values("levels", 16.0, 17),
            configure(binarize="dynamic"),
            train=False,
            keys=keys_of(np.arange(20000)),
        )
    )
    assert set(np.unique(x)) == {0.0, 1.0}
    mean = x.mean(0).ravel()
    assert mean[0] == 0 and mean[3] == 1
    np.testing.assert_allclose(mean[1:3], [0.25, 0.5], atol=0.015)


def test_dequantisation(configure):
    raw = images(2000, high=17, shape=(4, 4, 1))
    x = np.asarray(
        x_of(
            raw,
            Values("levels", 16.0, 17),
            configure(dequantize=True),
            train=False,
            keys=keys_of(np.arange(2000)),
        )
    )
    assert x.min() >= 0 and x.max() < 1
    u = x * 17 - raw
    assert u.min() > -1e-5 and u.max() < 1 + 1e-5
    assert abs(u.mean() - 0.5) < 0.01 and abs(u.var() - 1 / 12) < 0.005


def test_the_values_of_x_are_those_after_the_noise(configure):
    made = {"binarize": "dynamic"}, {"dequantize": True}
    assert prepared_values(BYTES, configure(**made[0])) == BINARY
    noisy = prepared_values(BYTES, configure(**made[1]))
    assert (noisy.kind, noisy.levels) == ("real", 256)
    assert prepared_values(FLOATS, configure()) == FLOATS
