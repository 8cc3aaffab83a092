"""The conditional VAE end to end: the label says what the latents then need not."""

import numpy as np
import pytest
from configs import tiny

import vae
from vae.errors import InputError
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
    path = sample(run, num=5, labels=[0, 3])
    assert path.is_file() and path.stem.endswith("_labels0-3")
    with pytest.raises(InputError, match="from 0 to 9"):
        sample(run, num=5, labels=[10])
    with pytest.raises(InputError, match="takes no labels"):
        sample(runs["none"][1], num=5, labels=[0])
    with pytest.raises(InputError, match="give labels from 0 to 9"):
        run.encode(np.zeros((2, 8, 8, 1)))
