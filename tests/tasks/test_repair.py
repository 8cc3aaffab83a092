"""Inpainting, denoising and super-resolution of a small run on the digits."""

import dataclasses
import json

import numpy as np
import pytest
from configs import tiny
from facts import facts
from PIL import Image

import vae
from vae import models
from vae.compiled import Compiled
from vae.errors import InputError
from vae.modalities.images.tasks.super_resolve import super_resolve
from vae.probability.likelihoods import Laplace
from vae.tasks.denoise import denoise
from vae.tasks.inpaint import inpaint


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    overrides = {
        "model__likelihood": "gaussian",
        "model__encoder_widths": (64,),
        "model__decoder_widths": (64,),
        "model__latent_dim": 8,
        "optimizer__learning_rate": 3e-3,
        "training__steps_per_call": 20,
        "log__every_steps": 200,
        "evaluation__every_steps": 0,
        "checkpoint__every_steps": 600,
    }
    vae.train(tiny(training__steps=600, **overrides), workdir)
    return vae.load(workdir)


def shown(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_what_is_filled_in_is_closer_than_the_mean_and_varies(run, laid_out):
    (path, _), figures, _ = inpaint(run, num=8, samples=3, box=(0, 2, 4, 5))
    assert figures["missing_pixels"] == 20 and figures["num"] == 8
    mse = figures["mse"]
    assert mse["posterior_mean"] < 0.7 * mse["mean"] and mse["best_sample"] < 0.7 * mse["mean"]
    assert mse["best_sample"] < mse["samples"]
    assert figures["psnr"]["mean"] == pytest.approx(-10 * np.log10(mse["mean"]))
    assert 0.6 < figures["acceptance"] < 1 and figures["ess"] > 4
    written = json.loads(path.with_suffix(".json").read_text())
    assert [row["name"] for row in written["per_example"][:2]] == ["test 0", "test 1"]
    rhats = [row["rhat"] for row in written["per_example"]]
    assert figures["rhat"] == max(rhats) and 1 <= np.median(rhats) < 1.1
    assert figures["unmixed"] == sum(rhat > 1.1 for rhat in rhats)
    assert figures["ssim"]["posterior_mean"] > figures["ssim"]["mean"]
    rows = [row["mse"]["samples"] for row in written["per_example"]]
    assert np.mean(rows) == pytest.approx(mse["samples"])

    assert shown(path).ndim == 3
    assert laid_out["columns"] == ["repair 1", "repair 2", "repair 3"]
    original, damaged = (laid_out["before"][name][0] for name in ("original", "damaged"))
    mean, samples = laid_out["after"]["mean"][0], laid_out["x"][0]
    missing = np.zeros((8, 8), bool)
    missing[0:4, 2:7] = True
    assert (damaged[missing] == 0.5).all()
    for other in (damaged, mean, *samples):
        np.testing.assert_allclose(other[~missing], original[~missing], atol=1e-6)
    assert (samples[0] != samples[1])[missing].any()


def test_noise_is_taken_away(run):
    figures = denoise(run, num=8, sigma=0.3, samples=2).figures
    assert figures["mse"]["noisy"] == pytest.approx(0.09, rel=0.2)
    assert figures["mse"]["posterior_mean"] < 0.5 * figures["mse"]["noisy"]


def test_a_fixed_scale_that_weighs_the_loss_is_not_taken_for_noise(run):
    emission = dataclasses.replace(run.model.emission, likelihood=Laplace("fixed", 1.0))
    model = dataclasses.replace(run.model, emission=emission)
    fixed = dataclasses.replace(run, model=model, compiled=Compiled(model))
    figures = denoise(fixed, num=8, sigma=0.3, samples=2, sweeps=40).figures
    assert 0.05 < figures["deviation"] < 0.25  # that of reconstructions, not 2^0.5
    assert figures["mse"]["posterior_mean"] < 0.5 * figures["mse"]["noisy"]


def test_small_images_become_larger_than_by_repeating_pixels(run, tmp_path):
    figures = super_resolve(run, num=8, factor=2, samples=2).figures
    assert figures["mse"]["posterior_mean"] < 0.7 * figures["mse"]["nearest"]
    assert figures["mse"]["posterior_mean"] < figures["mse"]["bilinear"]
    assert figures["mse"]["posterior_mean"] < figures["mse"]["bicubic"]
    assert figures["mse"]["posterior_mean"] < figures["mse"]["samples"]


def test_chains_that_have_not_mixed_say_so(run):
    figures = inpaint(run, num=4, sweeps=10).figures
    assert figures["unmixed"] > 0 and figures["rhat"] > 1.1
    assert "have not mixed (R-hat up to" in figures["note"]
    assert figures["note"].endswith("raise --sweeps, here 10.")
    with pytest.raises(InputError, match="--sweeps=0 must be at least 1; 200 is the default"):
        inpaint(run, sweeps=0)


def test_images_of_ones_own_are_taken_as_damaged(run, tmp_path):
    photo = np.random.default_rng(0).integers(0, 256, (80, 100, 3), np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    mask = np.zeros((80, 100), np.uint8)
    mask[40:, 10:90] = 255  # the crop to a square leaves columns 10 to 89
    Image.fromarray(mask).save(tmp_path / "mask.png")
    images = [tmp_path / "photo.png"] * 2
    given = {"files": images, "mask": tmp_path / "mask.png", "sweeps": 8}
    (path, *_), figures, _ = inpaint(run, **given, samples=1)
    assert figures["missing_pixels"] == 32 and figures["num"] == 2 and "mse" not in figures
    assert shown(path.with_suffix("") / "0001_photo_mean.png").shape == (8, 8, 3)


def test_refusals(run, tmp_path):
    Image.fromarray(np.full((8, 8), 255, np.uint8)).save(tmp_path / "white.png")
    (tmp_path / "text.png").write_text("no image")
    for arguments, message in (
        ({"box": (0, 0, 9, 2)}, "--box=0,0,9,2 must be top,left,height,width within images of 8x8"),
        ({"box": (0, 0, 2)}, "must be top,left,height,width"),
        ({"box": (0, 0, 0, 3)}, "leaves no pixel missing"),
        ({"mask": tmp_path / "white.png"}, "white.png leaves no pixel known"),
        ({"mask": tmp_path / "white.png", "box": (0, 0, 1, 1)}, "--mask and --box both"),
        ({"mask": tmp_path / "nothing.png"}, "nothing.png does not exist"),
        ({"files": [tmp_path / "text.png"]}, "text.png cannot be read as an image"),
        ({"labels": [1]}, "--labels is for the user's own --files"),
        ({"attributes": [{"Smiling": 1.0}]}, "--attributes is for the user's own --files"),
    ):
        with pytest.raises(InputError, match=message.replace("(", r"\(")):
            inpaint(run, **arguments)
    with pytest.raises(InputError, match=r"--sigma=0 must be from 0\.0001 to 100"):
        denoise(run, sigma=0.0)
    for factor in (1, 3):
        with pytest.raises(InputError, match=f"--factor={factor} must be at least 2 and divide"):
            super_resolve(run, factor=factor)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"model__name": "fsq", "model__num_latents": 4}, "no density of its latents"),
        ({"model__posterior": "vmf", "model__prior": "uniform_sphere"}, "not vectors of real"),
        ({"model__posterior": "point"}, "q.z . x. without a density"),
        ({"model__condition": "label"}, "give --labels"),
    ],
)
def test_models_that_cannot_do_it_say_why(run, overrides, message, tmp_path):
    data = facts(np.zeros((8, 8, 1)), num_classes=10)
    other = dataclasses.replace(run, model=models.build(tiny(**overrides).model, data))
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "photo.png")
    with pytest.raises(InputError, match=message):
        inpaint(other, files=[tmp_path / "photo.png"])
