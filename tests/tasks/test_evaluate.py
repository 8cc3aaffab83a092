"""The figures of a run on its data."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from vae import modalities
from vae.errors import InputError
from vae.modalities.images import likeness
from vae.tasks.evaluate import evaluate
from vae.tasks.reconstruct import reconstruct

INFORMED = ("mutual_information", "mutual_information_stderr", "kl", "examples")


def test_the_groups_of_a_ladder_share_its_divergence(ladder):
    result = evaluate(ladder, num_samples=1).figures
    shares = result["group_kl"]
    assert len(shares) == 3 and min(shares) > 0
    np.testing.assert_allclose(sum(shares), result["metrics"]["test/kl"], rtol=1e-5)
    assert json.loads((ladder.workdir / "evaluation_test.json").read_text()) == result


def test_a_mean_beside_the_priors_is_said_in_nats_and_costs_as_many(run, caplog):
    before = evaluate(run, num_samples=1).figures["metrics"]
    assert before["test/off_centre"] < 0.3 and "mean of the latents" not in caplog.text
    statistics = run.variables["statistics"]
    off = {"posterior": {"origin": statistics["posterior"]["origin"] - np.float32(2)}}
    moved = run.variables | {"statistics": statistics | off}
    after = evaluate(dataclasses.replace(run, variables=moved), num_samples=1).figures["metrics"]
    cost = {k: after[f"test/{k}"] - before[f"test/{k}"] for k in ("off_centre", "kl", "elbo")}
    assert cost["off_centre"] == pytest.approx(8, abs=2)
    assert cost["kl"] == pytest.approx(cost["off_centre"], abs=0.05)
    assert cost["elbo"] == pytest.approx(-cost["kl"], abs=0.05)
    assert "The mean of the latents lies" in caplog.text


def test_the_information_is_below_the_divergence_and_the_log_of_the_examples(run):
    result = evaluate(run, num_samples=1).figures
    found = {name: result["metrics"][f"test/{name}"] for name in INFORMED}
    below = min(found["kl"], np.log(found["examples"]))
    assert 0.5 < found["mutual_information"] < below
    assert 0 < found["mutual_information_stderr"] < 0.2
    assert f"{np.log(found['examples']):.4g}" in result["protocol"]["mutual_information"]


def as_files(run, folder, number=6):
    """The first test images as files; returns them as x."""
    (images, _), _ = modalities.load(run.config.data).test.read(np.arange(number))
    for i, image in enumerate(images):
        pixels = np.rint(image[..., 0] * (255 / 16)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return images / np.float32(16)


def test_a_folder_of_ones_own_is_evaluated_image_by_image(run, tmp_path):
    x = as_files(run, tmp_path)
    result = evaluate(run, files=[tmp_path], num_samples=7).figures
    expected = run.estimate(x, num_samples=7, seed=run.config.evaluation.seed)
    rows = result["per_example"]
    assert [row["example"] for row in rows] == [str(i) for i in range(6)]
    np.testing.assert_allclose([row["elbo"] for row in rows], expected.elbo, rtol=1e-6)
    assert result["metrics"]["files/nll"] == pytest.approx(-expected.log_likelihood.mean())
    assert result["metrics"]["files/examples"] == 6 and result["protocol"]["num_samples"] == 7
    (written,) = run.workdir.glob("evaluation_0+5_*.json")
    assert json.loads(written.read_text()) == result
    with pytest.raises(InputError, match="--labels is for"):
        evaluate(run, files=[tmp_path], labels=[1])


def test_images_of_ones_own_are_reconstructed(run, tmp_path):
    x = as_files(run, tmp_path)
    (path, _), record, _ = reconstruct(run, files=[tmp_path])
    assert path.name.startswith("reconstructions_00000300_0+5_") and path.is_file()
    expected = likeness(x, run.reconstruct(x), run.event)
    assert record["metrics"] == pytest.approx(expected)
    (test, _), shown, _ = reconstruct(run, num=6)
    assert test != path and shown["metrics"] == pytest.approx(expected)
