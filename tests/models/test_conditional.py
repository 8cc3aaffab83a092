"""The conditional VAE end to end: the label says what the latents then need not."""

import json
from dataclasses import replace

import numpy as np
import pytest
from configs import tiny

import vae
from vae.data.examples import ArrayExamples, Raw, Source
from vae.data.scales import unit_scales
from vae.errors import InputError
from vae.probability.event import BYTES
from vae.tasks.evaluate import evaluate
from vae.tasks.sample import sample


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    runs = {}
    for condition in ("none", "label"):
        config = tiny(
            model__condition=condition,
            model__encoder_widths=(64,),
            model__decoder_widths=(64,),
            model__latent_dim=6,
            data__batch_size=64,
            optimizer__learning_rate=5e-3,
            training__steps=300,
            training__steps_per_call=20,
            log__every_steps=20,
            training__ema_decay=0.0,
            evaluation__every_steps=0,
            checkpoint__every_steps=0,
        )
        workdir = tmp_path_factory.mktemp(condition)
        runs[condition] = (vae.train(config, workdir)["metrics"], vae.load(workdir))
    return runs


def test_the_latents_say_less_where_the_label_is_given(runs):
    assert runs["label"][0]["test/kl"] < runs["none"][0]["test/kl"] - 0.3
    assert runs["label"][0]["test/elbo"] > runs["none"][0]["test/elbo"]


def test_samples_are_of_their_class(runs):
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    digits = load_digits()
    judge = LogisticRegression(max_iter=1000).fit(digits.data / 16, digits.target)
    labels = np.arange(200) % 10
    drawn = runs["label"][1].sample(200, labels=labels)
    assert (judge.predict(drawn.reshape(200, -1)) == labels).mean() > 0.7


def test_the_label_decides_what_the_same_latents_show(runs):
    _, run = runs["label"]
    ones, zeros = run.sample(8, labels=np.full(8, 1)), run.sample(8, labels=np.full(8, 0))
    assert np.abs(ones - zeros).mean() > 0.1
    np.testing.assert_allclose(run.sample(12)[1], run.sample(2, labels=np.array([0, 1]))[1])


def test_pictures_of_the_classes_that_are_asked_for(runs):
    _, run = runs["label"]
    (path,) = sample(run, num=5, labels=[0, 3]).paths
    assert path.is_file() and path.stem.endswith("_labels0-3_num5")
    with pytest.raises(InputError, match="no class '10'"):
        sample(run, num=5, labels=[10])
    with pytest.raises(InputError, match="takes no labels"):
        sample(runs["none"][1], num=5, labels=[0])
    with pytest.raises(InputError, match="give labels from 0 to 9"):
        run.encode(np.zeros((2, 8, 8, 1)))


def test_an_evaluation_says_what_the_label_changes(runs):
    found = evaluate(runs["label"][1], num_samples=2).figures
    assert found["metrics"]["test/condition_response"] > 0.5
    assert set(found["condition"]) == {str(k) for k in range(10)}
    assert 0 <= found["metrics"]["test/condition_accuracy"] <= 1
    assert "condition" not in evaluate(runs["none"][1], num_samples=2).figures


@pytest.fixture(scope="module")
def of_attributes(tmp_path_factory):
    """A model of bars that is told whether they stand low and how bright they are, 100 or 250.

    Not in which column they stand.
    """
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, (400, 2)).astype(np.float32)
    low, bright, column = *y.T.reshape(2, -1, 1, 1), rng.integers(0, 8, (400, 1, 1))
    rows, columns = np.arange(8)[:, None], np.arange(8)
    lit = (rows // 4 == low) & (columns == column)
    images = (lit * (100 + 150 * bright)).astype(np.uint8)[..., None]
    y[:, 1] = 100 + 150 * y[:, 1]
    source = Source(
        {"train": ArrayExamples(Raw(images, y), np.ones(400, bool))},
        BYTES,
        0,
        "bars",
        ("Low", "Bright"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vae.modalities.images.digits.read", lambda fit: source)
        config = tiny(
            model__condition="attributes",
            model__prior="conditional",
            model__likelihood="gaussian",
            model__encoder_widths=(64,),
            model__decoder_widths=(64,),
            data__train="train[:80%]",
            data__valid="train[80%:90%]",
            data__test="train[90%:]",
            data__batch_size=64,
            optimizer__learning_rate=5e-3,
            training__steps=300,
            training__steps_per_call=20,
            log__every_steps=20,
            training__ema_decay=0.0,
            evaluation__every_steps=0,
            checkpoint__every_steps=0,
        )
        workdir = tmp_path_factory.mktemp("attributes")
        vae.train(config, workdir)
        yield vae.load(workdir)


def test_attributes_decide_what_is_drawn(of_attributes):
    assert of_attributes.attributes == ("Low", "Bright")
    y = np.array([[0, 100], [0, 250], [1, 100], [1, 250]]).repeat(25, 0)
    drawn = of_attributes.sample(100, labels=y).reshape(4, 25, 2, 4, 8)
    halves = drawn.sum((3, 4)).mean(1)  # [y, upper or lower]
    assert (halves[:2, 0] > 3 * np.abs(halves[:2, 1])).all()
    assert (halves[2:, 1] > 3 * np.abs(halves[2:, 0])).all()
    assert (halves.sum(1)[1::2] > 1.5 * halves.sum(1)[::2]).all()


def test_networks_are_given_them_standardised_and_the_record_says_how(of_attributes):
    condition, scales = of_attributes.model.condition, of_attributes.scales
    assert (scales.low, scales.high) == ((0, 100), (1, 250)) and scales.std[0] == 1
    y = np.float32([[0, scales.mean[1]], [1, scales.mean[1] + scales.std[1]]])
    np.testing.assert_allclose(condition.code(y), [[0, 0], [1, 1]], atol=1e-6)
    np.testing.assert_allclose(condition.code(condition.unknown(1)), 0, atol=1e-6)
    unit = replace(condition, scales=unit_scales(2))
    assert unit.code(y) is y  # so that runs of attributes between 0 and 1 stay what they were


def test_a_run_without_a_record_of_scales_is_read_as_of_old(of_attributes, tmp_path):
    for name in ("config.json", "checkpoints"):
        (tmp_path / name).symlink_to(of_attributes.workdir / name)
    record = json.loads((of_attributes.workdir / "provenance.json").read_text())
    del record["data"]["attribute_scales"]
    (tmp_path / "provenance.json").write_text(json.dumps(record))
    assert vae.load(tmp_path).scales == unit_scales(2)


def test_a_value_far_from_the_data_is_said(of_attributes, caplog):
    sample(of_attributes, num=2, attributes=[{"Bright": 200.0}])
    assert "far from" not in caplog.text
    sample(of_attributes, num=2, attributes=[{"Bright": 1.0, "Low": -1.0}])
    assert "Low=-1 is far from the training data, where it goes from 0 to 1" in caplog.text


def test_attributes_that_are_not_there_are_refused(of_attributes):
    with pytest.raises(InputError, match="no attribute 'Hat'; there are Low, Bright"):
        sample(of_attributes, num=2, attributes=[{"Hat": 1.0}])
    with pytest.raises(InputError, match=r"attributes must be \[3, 2\] numbers: Low, Bright"):
        of_attributes.sample(3, labels=np.zeros((3, 5)))
    path = sample(of_attributes, num=2, attributes=[{"Bright": 0.0}]).paths[0]
    assert path.stem.endswith("_Bright0_num2")


def test_an_evaluation_says_what_attributes_change(of_attributes):
    found = evaluate(of_attributes, split="valid", num_samples=2).figures
    assert set(found["condition"]) == {"Low", "Bright"}
    assert found["condition"]["Low"]["response"] > 0.5
    assert found["metrics"]["valid/condition_r2"] < 0.9
    assert "condition" not in evaluate(of_attributes, split="train", num_samples=2).figures
