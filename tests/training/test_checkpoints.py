import gc
import logging
from pathlib import Path

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.training.checkpoints import (
    BEST,
    CheckpointError,
    Checkpoints,
    OtherState,
    digest,
)


@flax.struct.dataclass
class Tree:
    """Of what a `State` is made."""

    w: jax.Array
    key: jax.Array
    step: jax.Array
    hyper: dict


def tree(value):
    hyper = {"learning_rate": jnp.float32(value)}
    return Tree(jnp.full((64, 3), value), jax.random.key(7), jnp.int32(value), hyper)


def like():
    return tree(0)


def data_files(directory, step):
    files = list((Path(directory) / str(step) / "state").rglob("d/*"))
    assert files
    return files


def assert_same(restored, expected):
    assert digest(restored) == digest(expected)


def test_what_is_saved_is_restored(tmp_path):
    checkpoints = Checkpoints(tmp_path, max_to_keep=2)
    for step in (1, 2, 3):
        checkpoints.save(step, tree(step))
    checkpoints.wait()
    assert checkpoints.steps() == [2, 3]
    assert_same(checkpoints.restore_latest(like()), tree(3))
    assert_same(checkpoints.restore(2, like()), tree(2))
    checkpoints.close()


def test_saved_arrays_may_be_donated_at_once(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    state = tree(1)
    expected = digest(state)
    overwrite = jax.jit(lambda w: w * 0 - 5, donate_argnums=0)
    checkpoints.save(1, state)
    for _ in range(5):
        state = state.replace(w=overwrite(state.w))
    checkpoints.wait()
    assert digest(checkpoints.restore_latest(like())) == expected
    checkpoints.close()


def test_the_best_is_kept_beside_the_latest(tmp_path):
    checkpoints = Checkpoints(tmp_path, max_to_keep=1)
    for step, score in [(1, -5.0), (2, -1.0), (3, None), (4, -3.0), (5, None)]:
        checkpoints.save(step, tree(step), None if score is None else {BEST: score})
    checkpoints.wait()
    assert checkpoints.steps() == [2, 5]
    assert checkpoints.best_step() == 2
    checkpoints.close()
    reopened = Checkpoints(tmp_path, read_only=True)
    assert reopened.best_step() == 2
    reopened.close()


# Orbax leaves the tasks of a read that fails to the garbage collector, which complains of them.
abandons_tasks = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def collected():
    yield
    gc.collect()  # here, not in a test that follows


@abandons_tasks
@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("damage", ["flipped", "truncated"])
def test_a_damaged_checkpoint_is_noticed_and_the_one_before_used(tmp_path, caplog, damage):
    checkpoints = Checkpoints(tmp_path, max_to_keep=2)
    checkpoints.save(1, tree(1))
    checkpoints.save(2, tree(2))
    checkpoints.wait()
    for file in data_files(tmp_path, 2):
        content = bytearray(file.read_bytes())
        if damage == "flipped":
            for position in range(0, len(content), 16):
                content[position] ^= 1
        else:
            content = content[: len(content) // 2]
        file.write_bytes(content)
    with pytest.raises(CheckpointError, match="checkpoint 2"):
        checkpoints.restore(2, like())
    with caplog.at_level(logging.WARNING):
        assert_same(checkpoints.restore_latest(like()), tree(1))
    assert "going back to the one before" in caplog.text
    checkpoints.save(2, tree(9))  # the damaged one no longer stands in the way
    checkpoints.wait()
    assert_same(checkpoints.restore_latest(like()), tree(9))
    checkpoints.close()


@abandons_tasks
@pytest.mark.usefixtures("collected")
def test_a_single_flipped_bit_of_an_array_is_noticed(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    state = tree(1).replace(w=jnp.asarray(np.random.default_rng(0).normal(size=(64, 3))))
    checkpoints.save(1, state)
    checkpoints.wait()
    for file in data_files(tmp_path, 1):  # Orbax keeps the array in one of those that could hold it
        content = bytearray(file.read_bytes())
        if len(content) >= state.w.nbytes:
            content[len(content) // 2] ^= 4
            file.write_bytes(content)
    with pytest.raises(CheckpointError, match="checkpoint 1"):
        checkpoints.restore(1, state)
    checkpoints.close()


def test_a_step_is_not_saved_twice(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, tree(1))
    with pytest.raises(CheckpointError, match="already exists"):
        checkpoints.save(1, tree(2))
    checkpoints.close()


def test_a_hyperparameter_newer_than_the_checkpoint_is_the_configs(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, tree(1))
    checkpoints.wait()
    newer = like().replace(hyper=like().hyper | {"beta": jnp.float32(4.0)})
    expected = tree(1).replace(hyper=tree(1).hyper | {"beta": jnp.float32(4.0)})
    assert_same(checkpoints.restore_latest(newer), expected)
    checkpoints.close()


def test_a_checkpoint_of_another_state_is_refused_and_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, tree(1))
    checkpoints.wait()
    other = like().replace(w={"kernel": jnp.zeros((64, 3))})
    with pytest.raises(OtherState, match="checkpoint 1 is of another version"):
        checkpoints.restore_latest(other)
    assert_same(checkpoints.restore_latest(like()), tree(1))
    checkpoints.close()


def test_nothing_to_restore(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.restore_latest(like()) is None
    assert checkpoints.best_step() is None
    checkpoints.close()


def test_digest_tells_values_names_types_and_shapes_apart():
    trees = [
        {"a": jnp.zeros(4)},
        {"b": jnp.zeros(4)},
        {"a": jnp.zeros((2, 2))},
        {"a": jnp.zeros(4, jnp.int32)},
        {"a": jnp.zeros(4).at[3].set(-0.0)},
    ]
    assert len({digest(t) for t in trees}) == len(trees)
