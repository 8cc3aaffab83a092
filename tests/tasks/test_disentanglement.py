"""Scores of a run's latents for the factors of its data."""

import dataclasses
import json

import numpy as np
import pytest
from configs import tiny
from PIL import Image
from untrained import untrained

from vae.data.examples import ArrayExamples, Raw, Source
from vae.errors import InputError
from vae.evaluation.disentanglement import SCORES, interventions
from vae.probability.event import BYTES
from vae.tasks import disentanglement as task
from vae.tasks.disentanglement import disentanglement, factors_of

NAMES = ("shape=square", "Size", "shape=heart", "Same", "shape=ellipse")
SPLITS = {"data__train": "train[:20]", "data__valid": "train[20:40]", "data__test": "train[40:]"}


@pytest.fixture
def of_shapes(monkeypatch, tmp_path):
    """An untrained run of grey images that have a shape and a size, and codes that are these."""
    rng = np.random.default_rng(0)
    y = np.zeros((240, len(NAMES)), np.float32)
    y[np.arange(240), np.array([0, 2, 4])[rng.integers(0, 3, 240)]] = 1
    y[:, 1] = rng.random(240)
    images = np.full((240, 8, 8, 1), 100, np.uint8)
    examples = ArrayExamples(Raw(images, y), np.ones(240, bool))
    source = Source({"train": examples}, BYTES, 0, "shapes", NAMES)
    monkeypatch.setattr("vae.modalities.images.digits.read", lambda fit: source)
    monkeypatch.setattr(interventions, "TRAIN", 200)
    monkeypatch.setattr(interventions, "TEST", 200)

    def codes(run, x, y):
        return np.column_stack([y @ [1, 0, 2, 0, 3], np.zeros(len(y)), y[:, 1]])

    monkeypatch.setattr(task, "embed", codes)
    return untrained(tiny(**SPLITS), tmp_path, attributes=NAMES)


def test_codes_that_are_the_factors_have_the_best_scores(of_shapes, caplog):
    (picture, file), figures, _ = disentanglement(of_shapes, resamples=2)
    assert json.loads(file.read_text()) == figures
    assert file.name == "disentanglement_test.json"
    height, width, _ = np.asarray(Image.open(picture)).shape
    assert 250 < height < 1000 and 500 < width < 1500
    assert figures["num"] == 200 and figures["latents"] == 3
    assert figures["factors"]["shape"] == {
        "classes": 3,
        "entropy": pytest.approx(np.log(3), abs=0.02),
        "bias": pytest.approx(19 / 134),
        "cut": False,
    }
    assert figures["factors"]["Size"]["classes"] == 10 and figures["factors"]["Size"]["cut"]
    assert figures["left_out"] == ["Same"] and figures["constant"] == [1]
    assert "left out: Same" in caplog.text and "the same for all: 1" in caplog.text
    assert "200 examples are few" in caplog.text and "these factors: shape, Size" in caplog.text
    for name in ("beta_vae", "modularity", "infom", "infoc", "dci_disentanglement", "explicitness"):
        assert figures["scores"][name] > 0.8, name
        low, high = figures["intervals"][name]
        assert low <= figures["scores"][name] <= high
    importance = np.array(figures["importance"])
    assert importance.shape == (3, 2) and importance[[0, 2], [0, 1]].min() > 0.9
    assert figures["protocol"]["split"] == "test" and figures["protocol"]["resamples"] == 2


def test_the_classes_are_one_factor(tmp_path):
    run = untrained(tiny(), tmp_path, num_classes=10)
    (picture, _), figures, _ = disentanglement(run, resamples=0, num=100, split="valid")
    assert picture.name == "disentanglement_00000000_valid_num100.png" and picture.is_file()
    assert figures["num"] == 100 and list(figures["factors"]) == ["class"]
    assert {"mig", "sap", "infoe", "dci_completeness"} < figures["scores"].keys() < SCORES.keys()
    assert figures["intervals"] == {}


def test_factors_are_attributes_and_fields():
    y = np.array([[1, 7, 0, 0, 0], [0, 8, 0, 0, 1], [0, 9, 1, 0, 0]], np.float32)
    known = factors_of(y, NAMES)
    assert known.names == ["shape", "Size", "Same"]
    assert known.values.tolist() == [[0, 7, 0], [2, 8, 0], [1, 9, 0]]
    assert factors_of(np.array([3, 1]), ()).values.tolist() == [[3], [1]]


def test_what_has_no_factors_is_said(of_shapes, monkeypatch):
    with pytest.raises(InputError, match="among the first 20: scores take at least 30"):
        disentanglement(of_shapes, num=20)
    with pytest.raises(InputError, match="resamples=-1 must be"):
        disentanglement(of_shapes, resamples=-1)
    monkeypatch.setattr(task, "NUMBERS", 3)
    with pytest.raises(InputError, match="has 4 numbers, and scores are for at most 3"):
        disentanglement(of_shapes)
    monkeypatch.setattr(task, "varies", lambda classes: np.zeros(3, bool))
    monkeypatch.setattr(task, "NUMBERS", 4)
    with pytest.raises(InputError, match=r"none of the factors \(shape, Size, Same\) varies"):
        disentanglement(of_shapes)
    with pytest.raises(InputError, match="neither attributes nor classes"):
        disentanglement(dataclasses.replace(of_shapes, attributes=()))
