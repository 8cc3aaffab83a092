"""Frames that are not given are drawn, and do not depend on what they truly are."""

import numpy as np
import pytest
from configs import tiny
from untrained import small

from vae import modalities, models
from vae.compiled import Compiled
from vae.data.prepare import first_examples
from vae.data.scales import unit_scales
from vae.errors import InputError
from vae.modalities.video.tasks.predict import _figures, copied, draw, predict
from vae.modalities.video.tasks.surprise import scores, surprise
from vae.models.data import Data
from vae.run import Run

KEYS = {
    "data__name": "moving_digits",
    "data__frames": 4,
    "data__image_size": (8, 8),
    "data__train": "train[:8]",
    "data__valid": "valid[:8]",
    "data__test": "test[:8]",
    "model__encoder": "per_frame",
    "model__decoder": "per_frame",
    "model__encoder_widths": (4,),
    "model__decoder_widths": (4,),
    "model__latent_channels": 2,
    "model__prior_widths": (3,),
    "model__likelihood": "gaussian",
}
SEEN = np.array([True, True, False, False])


def run_of(folder, **overrides):
    config = tiny(**KEYS | overrides)
    dataset = modalities.load(config.data)
    model = models.build(config.model, Data(dataset.event, None, 0, lambda n: np.zeros((n, 0))))
    return Run(
        config=config,
        model=model,
        variables=small(model),
        event=dataset.event,
        step=0,
        workdir=folder,
        out=folder,
        attributes=dataset.attributes,
        scales=unit_scales(len(dataset.attributes)),
        compiled=Compiled(model),
        classes=(),
        data={"modality": "video"},
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_of(tmp_path_factory.mktemp("video"), model__prior="linear_dynamics")


def test_what_is_drawn_has_the_given_frames_and_knows_no_others(run):
    x = np.random.default_rng(0).random((2, *run.event.shape), np.float32)
    made = draw(run, x, SEEN, samples=3)
    assert made.shape == (2, 3, *run.event.shape)
    np.testing.assert_array_equal(made[:, :, SEEN], np.repeat(x[:, None, SEEN], 3, 1))
    other = np.where(SEEN[:, None, None, None], x, 1 - x)
    np.testing.assert_array_equal(draw(run, other, SEEN, samples=3), made)
    assert np.abs(made[:, 0] - made[:, 1])[:, ~SEEN].max() > 0


def test_the_figures_are_of_the_frames_that_are_not_given(run):
    paths, figures, _ = predict(run, first=2, num=3, samples=2)
    assert all(path.exists() for path in paths) and figures["given"] == [1, 2]
    assert [frame["frame"] for frame in figures["frames"]] == [3, 4]
    x = first_examples(run.dataset(), "test", 3, run.config).x
    still = ((x[:, 2:] - x[:, 1:2]) ** 2).mean()
    assert figures["metrics"]["copy"]["mse"] == pytest.approx(still, rel=1e-5)
    assert figures["metrics"]["best"]["mse"] <= figures["metrics"]["sample"]["mse"]
    every = copied(x, np.array([True, False, True, False]))
    np.testing.assert_array_equal(every, x[:, [0, 0, 2, 2]])
    fewer = x.copy()
    fewer[:, 3] = np.nan  # a frame that no clip has
    frames = _figures(run, fewer, np.zeros((3, 2, *x.shape[1:])), SEEN)[1]
    assert [frame["frame"] for frame in frames] == [3]


def test_a_frame_that_is_changed_is_the_one_that_surprises(run):
    x = first_examples(run.dataset(), "test", 3, run.config).x
    before = scores(run, x)
    density = run.model.latents(run.variables)
    total = -density.log_prob(run.encode(x).mean)
    np.testing.assert_allclose(before["surprise"].sum(1), total, rtol=1e-4)
    changed = x.copy()
    changed[:, 2] = 1 - changed[:, 2]
    after = scores(run, changed)
    np.testing.assert_allclose(after["surprise"][:, :2], before["surprise"][:, :2], rtol=1e-4)
    assert (after["surprise"][:, 2] != before["surprise"][:, 2]).all()
    errors = (scored["reconstruction"][:, [0, 1, 3]] for scored in (after, before))
    np.testing.assert_allclose(*errors, rtol=1e-4)
    paths, figures, _ = surprise(run, num=3)
    table = next(path for path in paths if path.suffix == ".csv").read_text().splitlines()
    assert len(table) == 1 + 3 * 4 and figures["validation"] == 8


def test_what_cannot_be_drawn_is_one_sentence(run, tmp_path):
    with pytest.raises(InputError, match="leaves no frame of 4"):
        predict(run, first=4)
    with pytest.raises(InputError, match="not what lies between"):
        predict(run_of(tmp_path, model__prior="recurrent"), every=2)
    with pytest.raises(InputError, match="does not say what follows"):
        predict(run_of(tmp_path, model__prior="standard_normal"), every=2)
