"""Networks and models that have places take solids, from training to samples."""

import numpy as np
import pytest
from configs import tiny

import vae

SMALL = {"model__encoder_widths": (4, 4), "model__decoder_widths": (4, 4)}
GRID = {"model__encoder": "grid", "model__decoder": "grid"}
MODELS = {
    "conv": {"model__encoder": "conv", "model__decoder": "conv"},
    "resnet": {"model__encoder": "resnet", "model__decoder": "resnet"},
    "ladder": {"model__name": "ladder", "model__groups": (1, 1)},
    "vq": {"model__name": "vq", "model__codebook_size": 8, **GRID},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_solids_trains_and_is_put_to_use(name, tmp_path):
    config = tiny(
        data__name="solids",
        data__volume_size=(8, 8, 8),
        data__train="train[:64]",
        data__valid="valid[:8]",
        data__test="test[:8]",
        data__batch_size=8,
        model__likelihood="bernoulli",
        training__steps=3,
        evaluation__every_steps=0,
        checkpoint__every_steps=0,
        **SMALL,
        **MODELS[name],
    )
    assert vae.train(config, tmp_path)["status"] == "completed"
    run = vae.load(tmp_path)
    samples = run.sample(2)
    assert samples.shape == (2, 8, 8, 8, 1) and np.isfinite(samples).all()
    made = run.reconstruct(samples)
    assert 0 <= run.modality.likeness(samples, made, run.event)["iou"] <= 1
