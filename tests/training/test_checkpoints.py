import gc
import json
import logging
import shutil
from pathlib import Path

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from vae.training.arrays import digest
from vae.training.checkpoint_errors import (
    CheckpointError,
    DamagedCheckpoint,
    OtherState,
    Unreadable,
)
from vae.training.checkpoints import BEST, Checkpoints


@flax.struct.dataclass
class Tree:
    """A tree with the kinds of arrays that a `State` has."""

    w: jax.Array
    key: jax.Array
    step: jax.Array
    hyper: dict
    statistics: dict
    more: jax.Array | None = None


def tree(value):
    hyper = {"learning_rate": jnp.float32(value)}
    w, statistics = jnp.full((64, 3), value), {"posterior": {}}
    return Tree(w, jax.random.key(7), jnp.int32(value), hyper, statistics)


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


def test_nan_is_never_the_best(tmp_path):
    checkpoints = Checkpoints(tmp_path, max_to_keep=1)
    for step, score in enumerate([float("nan"), -2.0, -1.0, float("nan"), float("inf"), -3.0]):
        checkpoints.save(step, tree(step), {BEST: score})
    checkpoints.wait()
    assert checkpoints.steps() == [2, 5] and checkpoints.best_step() == 2
    checkpoints.close()


def test_a_state_can_be_saved_only_where_it_is_the_best(tmp_path):
    checkpoints = Checkpoints(tmp_path, max_to_keep=9)
    for step, score in enumerate([-5.0, -6.0, float("nan"), -4.0, -4.0]):
        checkpoints.save(step, tree(step), {BEST: score}, if_best=True)
    checkpoints.save(5, tree(5), {}, if_best=True)
    checkpoints.wait()
    assert checkpoints.steps() == [0, 3]
    checkpoints.close()


NAMES = ["x=[1,2]", "back\\slash", "star*", "what?", "{a,b}", "two words", "\udcff"]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_directory_will_do(tmp_path, name):
    directory = tmp_path / name / "checkpoints"
    checkpoints = Checkpoints(directory)
    checkpoints.save(1, tree(1))
    checkpoints.save(2, tree(2))
    checkpoints.wait()
    checkpoints.close()
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert {path.name for path in directory.iterdir()} == {"2"}
    reopened = Checkpoints(directory, read_only=True)
    assert_same(reopened.restore_latest(like()), tree(2))
    reopened.close()


def test_the_first_checkpoint_is_read_back_at_once(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    with monkeypatch.context() as patch:

        def cannot(*_):
            raise DamagedCheckpoint("it is gone")

        patch.setattr(checkpoints, "restore", cannot)
        with pytest.raises(CheckpointError, match=r"cannot be read again \(it is gone\)"):
            checkpoints.save(1, tree(1))
    checkpoints.save(2, tree(2))
    assert_same(checkpoints.restore(2, like()), tree(2))
    checkpoints.close()


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
    assert data_files(tmp_path, "2.damaged") and checkpoints.steps() == [1]
    again = tree(9).replace(step=jnp.int32(2))
    checkpoints.save(2, again)  # the damaged one no longer stands in the way
    checkpoints.wait()
    assert_same(checkpoints.restore_latest(like()), again)
    (tmp_path / "2" / "digest" / "metadata").unlink()
    assert_same(checkpoints.restore_latest(like()), tree(1))
    assert (tmp_path / "2.damaged").exists() and (tmp_path / "2.damaged2").exists()
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


@pytest.mark.parametrize("name", ["4", "1"])
def test_a_folder_of_another_step_is_set_aside(tmp_path, caplog, name):
    checkpoints = Checkpoints(tmp_path, max_to_keep=2)
    checkpoints.save(2, tree(2))
    checkpoints.save(3, tree(3))
    checkpoints.close()
    shutil.copytree(tmp_path / "3", tmp_path / name)
    reopened = Checkpoints(tmp_path, max_to_keep=2)
    with pytest.raises(DamagedCheckpoint, match=f"checkpoint {name} .* that of step 3"):
        reopened.restore(int(name), like())
    assert_same(reopened.restore_latest(like()), tree(3))
    assert reopened.steps() == ([2, 3] if name == "4" else [1, 2, 3])
    assert (tmp_path / "4.damaged").exists() == (name == "4")
    reopened.close()


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


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("before", [{}, {"u": jnp.float32(2.0)}])
def test_latents_had_their_origin_at_0_where_the_checkpoint_knows_of_none(
    before, described, tmp_path
):
    checkpoints = Checkpoints(tmp_path)
    saved, newer = tree(1).replace(statistics={"posterior": before}), {"origin": jnp.zeros(3)}
    checkpoints.save(1, saved)
    checkpoints.wait()
    if not described:
        without_description(tmp_path / "1")
    now = like().replace(statistics={"posterior": jax.tree.map(jnp.zeros_like, before) | newer})
    expected = saved.replace(statistics={"posterior": before | newer})
    assert_same(checkpoints.restore_latest(now), expected)
    assert_same(checkpoints.restore(1, jax.eval_shape(lambda: now)), expected)
    other = like().replace(statistics={"posterior": before | {"other": jnp.zeros(3)}})
    with pytest.raises(OtherState, match=r"statistics\.posterior"):
        checkpoints.restore(1, other)
    checkpoints.close()


OTHERS = {
    "another model": ({"w": {"kernel": jnp.zeros((64, 3))}}, "w is int32.* there and missing here"),
    "more of it": ({"more": jnp.zeros(2)}, "more is (nothing|missing) there and float32"),
    "another shape": ({"w": jnp.zeros((64, 4), int)}, r"w is int32\[64, 3\] there and int32"),
    "another type": ({"step": np.int64(0)}, r"step is int32\[\] there and int64\[\] here"),
    "another PRNG": ({"key": jax.random.key(0, impl="rbg")}, "key is .* there and key<rbg>"),
}


def without_description(folder):
    """Makes of a checkpoint one that was written before its arrays were described."""
    file = folder / "digest" / "metadata"
    file.write_text(json.dumps({"sha256": json.loads(file.read_text())["sha256"]}))


@pytest.mark.parametrize("changes", OTHERS)
@pytest.mark.parametrize("old", [False, True])
def test_a_checkpoint_of_another_state_is_refused_and_kept(tmp_path, changes, old):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, tree(1))
    checkpoints.wait()
    if old:
        without_description(tmp_path / "1")
    changed, message = OTHERS[changes]
    other = like().replace(**changed)
    for read in (checkpoints.restore_latest, checkpoints.check):
        with pytest.raises(OtherState, match=f"checkpoint 1 holds other arrays .*{message}"):
            read(other)
    checkpoints.check(like())
    assert_same(checkpoints.restore_latest(like()), tree(1))
    checkpoints.close()


def test_an_old_checkpoint_is_still_verified_and_its_score_known(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, tree(1), {BEST: -3.0})
    checkpoints.wait()
    checkpoints.close()
    without_description(tmp_path / "1")
    (tmp_path / "1" / "metrics").mkdir()
    (tmp_path / "1" / "metrics" / "metrics").write_text('{"valid/elbo": -3.0}')
    reopened = Checkpoints(tmp_path)
    assert reopened.best_step() == 1
    assert_same(reopened.restore_latest(like()), tree(1))
    with pytest.raises(DamagedCheckpoint, match="digests differ"):
        file = tmp_path / "1" / "digest" / "metadata"
        file.write_text(json.dumps({"sha256": digest(tree(2))}))
        reopened.restore(1, like())
    reopened.close()


@abandons_tasks
@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("name", ["digest/metadata", "state/manifest.ocdbt"])
def test_files_that_cannot_be_opened_now_are_left_as_they_are(tmp_path, name):
    checkpoints = Checkpoints(tmp_path, max_to_keep=1)
    checkpoints.save(1, tree(1), {BEST: -1.0})
    checkpoints.wait()
    checkpoints.close()
    file = tmp_path / "1" / name
    away = file.rename(tmp_path / "away")
    file.symlink_to(file.name)  # even root cannot follow a link to itself
    reopened = Checkpoints(tmp_path, max_to_keep=1)
    with pytest.raises(Unreadable, match=f"{name}: Too many levels of symbolic links"):
        reopened.restore_latest(like())
    reopened.save(2, tree(2))  # may have been better than 1, for all that can be known
    reopened.wait()
    assert reopened.steps() == [1, 2]
    file.unlink()
    away.rename(file)
    assert_same(reopened.restore(1, like()), tree(1))
    reopened.close()


@abandons_tasks
@pytest.mark.usefixtures("collected")
@pytest.mark.slow
def test_no_flipped_bit_loses_a_checkpoint_or_is_taken_for_good(tmp_path):
    checkpoints = Checkpoints(tmp_path / "whole", max_to_keep=2)
    for step in (1, 2, 3):
        checkpoints.save(step, tree(step), {BEST: -float(step)})
    checkpoints.wait()
    checkpoints.close()
    rng = np.random.default_rng(0)
    whole = tmp_path / "whole"
    files = sorted(p.relative_to(whole) for p in whole.rglob("*") if p.is_file())
    set_aside = 0
    for trial in range(150):
        directory = shutil.copytree(whole, tmp_path / str(trial))
        file = directory / files[rng.integers(len(files))]
        content = bytearray(file.read_bytes())
        content[rng.integers(len(content))] ^= 1 << rng.integers(8)
        file.write_bytes(content)
        damaged = Checkpoints(directory, max_to_keep=2)
        state = damaged.restore_latest(like())
        assert int(state.step) in (2, 3)
        assert_same(state, tree(int(state.step)))
        best = damaged.best_step()
        assert best == 1 or file.is_relative_to(directory / "1")
        damaged.save(4, tree(4))
        damaged.wait()
        damaged.close()
        kept = {path.name.removesuffix(".damaged") for path in directory.iterdir()}
        assert kept >= {"1", "3", "4"}, file
        set_aside += any(directory.glob("*.damaged"))
        shutil.rmtree(directory)
    assert set_aside > 10


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
