import threading
from dataclasses import replace

import jax
import numpy as np
import pytest

from vae.data.batches import Batches, evaluation_batches, indices
from vae.data.examples import Raw, in_memory, read_complete


def examples(count):
    images = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1)
    return in_memory(images, np.arange(count))


@pytest.mark.parametrize(("count", "size"), [(10, 3), (10, 10), (7, 20), (1, 4), (1797, 128)])
def test_an_epoch_is_each_example_once(count, size):
    steps = 3 * count // size + 2
    stream = np.concatenate(
        [indices(s, num_examples=count, batch_size=size, seed=1) for s in range(steps)]
    )
    assert stream.dtype == np.int32
    for epoch in range(len(stream) // count):
        part = stream[epoch * count : (epoch + 1) * count]
        np.testing.assert_array_equal(np.sort(part), np.arange(count))


def test_pure_and_keyed():
    def at(step, seed=1):
        return indices(step, num_examples=100, batch_size=30, seed=seed).tolist()

    forward = [at(s) for s in range(12)]
    assert [at(s) for s in reversed(range(12))] == forward[::-1]
    assert at(0, seed=2) != at(0)
    assert at(0, seed=-1) != at(0)
    assert forward[0] != [*forward[3][10:], *forward[3][:10]]  # another epoch, another order


@pytest.mark.parametrize("lengths", [None, np.arange(50) % 9 + 1])
def test_processes_share_the_batch(lengths):
    given = {"batch_size": 12, "seed": 0}
    shared = replace(examples(50), lengths=lengths)
    with Batches(shared, **given) as batches:
        whole = batches.batch(7)
    parts = []
    for i in range(3):
        with Batches(shared, **given, process_index=i, process_count=3) as batches:
            parts.append(batches.batch(7))
    joined = jax.tree.map(lambda *columns: np.concatenate(columns), *parts)
    jax.tree.map(np.testing.assert_array_equal, joined, whole)
    with pytest.raises(ValueError, match="do not divide"):
        Batches(shared, **given, process_count=5)


def test_resident_batches_are_indices():
    resident = replace(examples(20), resident=True)
    with Batches(resident, batch_size=6, seed=0) as batches:
        batch = batches.batch(4)
    assert batch.raw is None and batch.counted is None
    np.testing.assert_array_equal(batch.index, indices(4, num_examples=20, batch_size=6, seed=0))


def test_read_ahead_in_any_order():
    with Batches(examples(200), batch_size=7, seed=0, threads=3) as batches:
        for step in [0, 1, 2, 50, 51, 3, 1000, 1001]:
            batch = batches.batch(step)
            expected = indices(step, num_examples=200, batch_size=7, seed=0)
            np.testing.assert_array_equal(batch.index, expected)
            np.testing.assert_array_equal(batch.raw.values.ravel(), expected)
            np.testing.assert_array_equal(batch.raw.labels, expected)


class Fake:
    """Examples whose reading can fail; counts how many batches were read."""

    shape = (1, 1, 1)
    lengths = None
    blocks = None

    def __init__(self, count, bad=(), error_at=None):
        self.count, self.bad, self.error_at, self.reads = count, set(bad), error_at, 0

    def __len__(self):
        return self.count

    def table(self):
        return None

    def read(self, index):
        self.reads += 1
        if self.error_at in index:
            raise OSError("the disk is gone")
        ok = np.array([i not in self.bad for i in index], bool)
        values = (index * ok).astype(np.uint8).reshape(-1, 1, 1, 1)
        return Raw(values, index.astype(np.int32)), ok


def test_stand_in_is_the_next_readable():
    with Batches(Fake(10, bad={3, 4, 9}), batch_size=10, seed=0) as batches:
        batch = batches.batch(0)
    seen = dict(zip(batch.index.tolist(), batch.raw.values.ravel().tolist(), strict=True))
    assert (seen[3], seen[4], seen[9]) == (5, 5, 0)
    assert all(seen[i] == i for i in (0, 1, 2, 5, 6, 7, 8))


def test_a_stand_in_is_no_longer_than_what_it_stands_for():
    fake = Fake(6, bad={1, 4})
    fake.lengths = np.array([9, 3, 8, 2, 1, 2])
    raw, ok = read_complete(fake, np.arange(6))
    assert raw.values.ravel().tolist() == [0, 3, 2, 3, 5, 5]  # 4 is the shortest: 5 is cut
    assert ok.tolist() == [True, False, True, True, False, True]


def test_worker_errors_surface_at_their_step():
    where = indices(5, num_examples=50, batch_size=10, seed=0)[0]
    with Batches(Fake(50, error_at=where), batch_size=10, seed=0) as batches:
        steps = [
            s for s in range(5) if where not in indices(s, num_examples=50, batch_size=10, seed=0)
        ]
        for step in steps:
            batches.batch(step)
        with pytest.raises(OSError, match="the disk is gone"):
            batches.batch(5)
        batches.batch(steps[0])  # and it can go on


def test_reading_ahead_is_bounded_and_closes():
    fake = Fake(1000)
    before = threading.active_count()
    batches = Batches(fake, batch_size=1, seed=0, threads=2, depth=5)
    batches.batch(0)
    batches.close()
    batches.close()
    assert fake.reads <= 5
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="closed"):
        batches.batch(0)


@pytest.mark.parametrize(("count", "size"), [(10, 4), (8, 4), (3, 5), (1, 1)])
def test_evaluation_sees_each_once(count, size):
    found = list(evaluation_batches(examples(count), size, threads=2))
    assert all(column.shape[0] == size for batch in found for column in jax.tree.leaves(batch))
    mask = np.concatenate([b.counted for b in found])
    image = np.concatenate([b.raw.values for b in found]).ravel()
    index = np.concatenate([b.index for b in found])
    np.testing.assert_array_equal(image[mask], np.arange(count))
    np.testing.assert_array_equal(index[mask], np.arange(count))
    assert mask.sum() == count and mask[:count].all()


def test_evaluation_of_resident_examples_has_no_images():
    found = list(evaluation_batches(replace(examples(5), resident=True), 4))
    assert [batch.raw for batch in found] == [None] * 2
    assert [batch.counted.sum() for batch in found] == [4, 1]


def test_evaluation_processes_and_undecodable():
    fake = Fake(10, bad={2})
    whole = list(evaluation_batches(fake, 4))
    parts = [list(evaluation_batches(fake, 4, process_index=i, process_count=2)) for i in range(2)]
    for batch, *pieces in zip(whole, *parts, strict=True):
        joined = jax.tree.map(lambda *columns: np.concatenate(columns), *pieces)
        jax.tree.map(np.testing.assert_array_equal, joined, batch)
    assert [int(b.counted.sum()) for b in whole] == [3, 4, 2]


def test_evaluation_can_be_left_early():
    before = threading.active_count()
    stream = evaluation_batches(examples(100), 4)
    next(stream)
    stream.close()
    assert threading.active_count() == before
