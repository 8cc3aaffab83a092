"""The probe: it learns classes and factors, and is the same again from its file."""

import dataclasses

import jax
import numpy as np
import pytest

from vae import modalities
from vae.config import base
from vae.data.examples import ArrayExamples, Dataset, Raw
from vae.data.scales import unit_scales
from vae.errors import InputError
from vae.evaluation import probe as probes
from vae.evaluation.probe import agreement, fit_probe
from vae.probability.event import BYTES, Event, Values


@pytest.fixture(scope="module")
def digits():
    return modalities.load(base().data)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(probes, "STEPS", 100)
    monkeypatch.setattr(probes, "WIDTHS", (16, 32))


def disks(number, seed):
    """Bright disks on dark colour images: `Large` is 0 or 1, `Height` any number in [0, 1]."""
    rng = np.random.default_rng(seed)
    large, height = rng.integers(0, 2, number), rng.random(number)
    rows, columns = np.mgrid[:16, :12]
    centre = (3 + 10 * height)[:, None, None]
    radius = (2 + large)[:, None, None]
    lit = (rows - centre) ** 2 + (columns - 6) ** 2 < radius**2
    images = (lit[..., None] * rng.integers(100, 255, (number, 1, 1, 3))).astype(np.uint8)
    y = np.stack([large, height], 1).astype(np.float32)
    return ArrayExamples(Raw(images, y), np.ones(number, bool))


def test_digits_are_told_apart_and_the_file_is_read_again(digits, tmp_path):
    path = tmp_path / "probe.npz"
    probe = fit_probe(digits, path=path, key=jax.random.key(0))
    assert probe.exclusive and probe.names == tuple("0123456789")
    (images, labels), _ = digits.test.read(np.arange(len(digits.test)))
    images = images / np.float32(16)
    predicted = probe.predict(images)
    np.testing.assert_allclose(predicted.sum(1), 1, atol=1e-5)
    accuracy = (predicted.argmax(1) == labels).mean()
    assert accuracy > 0.9 and probe.figures["accuracy"] == accuracy
    assert probe.features(images[:5]).shape == (5, probes.FEATURES)

    written = path.stat().st_mtime_ns
    again = fit_probe(digits, path=path, key=jax.random.key(0))
    assert path.stat().st_mtime_ns == written
    assert again.digest == probe.digest and again.figures == probe.figures
    np.testing.assert_array_equal(again.predict(images[:3]), probe.predict(images[:3]))

    path.write_bytes(path.read_bytes()[:-100])
    assert fit_probe(digits, path=path, key=jax.random.key(0)).digest == probe.digest
    other = dataclasses.replace(digits, train=digits.train.take(np.arange(500)))
    again = fit_probe(other, path=path, source="other", key=jax.random.key(0))
    assert again.digest != probe.digest


def test_factors_and_attributes_of_colour_images():
    splits = {name: disks(n, i) for i, (name, n) in enumerate([("train", 600), ("valid", 100)])}
    dataset = Dataset(
        **splits,
        test=disks(200, 9),
        event=Event((16, 12, 3), BYTES),
        num_classes=0,
        description="disks",
        attributes=("Large", "Height"),
        scales=unit_scales(2),
    )
    probe = fit_probe(dataset, key=jax.random.key(0))
    assert set(probe.figures["accuracy"]) == {"Large"}
    assert probe.figures["accuracy"]["Large"] > 0.85
    assert probe.figures["correlation"]["Height"] > 0.9


def tones(number, seed):
    """Sounds-like [T, C] of one of three channels, in the first or the second half, and missing."""
    rng = np.random.default_rng(seed)
    channel, late = rng.integers(0, 3, number), rng.integers(0, 2, number)
    x = rng.uniform(0, 0.3, (number, 40, 3)).astype(np.float32)
    for row, c, half in zip(x, channel, late, strict=True):
        row[20 * half : 20 * half + 15, c] += 0.5
    x[:, 37:] = np.nan
    y = np.concatenate([np.eye(3)[channel], np.eye(2)[late]], axis=1).astype(np.float32)
    return ArrayExamples(Raw(x, y), np.ones(number, bool))


def test_several_classes_of_one_axis_of_places_under_a_mask():
    names = ("tone=a", "tone=b", "tone=c", "when=early", "when=late")
    dataset = Dataset(
        train=tones(600, 0),
        valid=tones(100, 1),
        test=tones(200, 2),
        event=Event((40, 3), Values("real", missing=True)),
        num_classes=0,
        description="tones",
        attributes=names,
        scales=unit_scales(5),
    )
    probe = fit_probe(dataset, key=jax.random.key(0))
    assert set(probe.figures["accuracy"]) == {"tone", "when"}
    assert min(probe.figures["accuracy"].values()) > 0.95
    x, y = probes.labelled(dataset, dataset.test, 50)
    predicted = probe.predict(x)
    np.testing.assert_allclose(predicted[:, :3].sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(predicted[:, 3:].sum(1), 1, atol=1e-5)
    wrong = np.roll(y[:, :3], 1, axis=1)
    found = probes.right(probe, predicted, np.concatenate([wrong, y[:, 3:]], axis=1))
    assert found["tone"].mean() < 0.05 and found["when"].mean() > 0.95


def test_agreement_of_known_predictions():
    class Known:
        names, exclusive, fields = ("a", "b"), False, ()

        def predict(self, images):
            return images

    predicted = np.array([[0.9, 0.1], [0.2, 0.5], [0.6, 0.3]])
    labels = np.array([[1.0, 0.2], [0.0, 1.0], [0.0, 0.6]])
    figures = agreement(Known(), predicted, labels)
    assert figures["accuracy"] == {"a": pytest.approx(2 / 3)}
    for column, name in enumerate("ab"):
        expected = np.corrcoef(predicted[:, column], labels[:, column])[0, 1]
        assert figures["correlation"][name] == pytest.approx(expected)


def test_without_labels_there_is_no_classifier(digits):
    unlabelled = dataclasses.replace(digits, num_classes=0)
    with pytest.raises(InputError, match="have no labels"):
        fit_probe(unlabelled, key=jax.random.key(0))
