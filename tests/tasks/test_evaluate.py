"""The figures of a run on its data."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from vae import modalities
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation.annealing import Annealer, Weights
from vae.modalities.images import likeness
from vae.tasks import annealed
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
    (written,) = run.workdir.glob("evaluation_0_and_5_more_*.json")
    assert json.loads(written.read_text()) == result
    with pytest.raises(InputError, match="--labels is for"):
        evaluate(run, files=[tmp_path], labels=[1])


def test_images_of_ones_own_are_reconstructed(run, tmp_path):
    x = as_files(run, tmp_path)
    (path, _), record, _ = reconstruct(run, files=[tmp_path])
    assert path.name.startswith("reconstructions_00000300_0_and_5_more_") and path.is_file()
    expected = likeness(x, run.reconstruct(x), run.event)
    assert record["metrics"] == pytest.approx(expected)
    (test, _), shown, _ = reconstruct(run, num=6)
    assert test != path and shown["metrics"] == pytest.approx(expected)


def test_the_figures_of_annealing_are_those_of_its_chains(run, monkeypatch):
    """Two chains of each example, whose weights are known, beside K = 7 samples."""
    forward = np.log([[1.0, 3.0]]) - 40 - np.arange(6)[:, None]
    weights = Weights(forward, None, np.full((6, 2), 0.75))
    chains = Annealer(None, lambda *given, **settings: weights)
    monkeypatch.setattr(annealed, "make_annealer", lambda *given, **settings: chains)
    output = evaluate(run, method="ais", num=6, chains=2, temperatures=3, num_samples=7)
    assert output.paths == [run.workdir / "evaluation_test_ais.json"]
    assert json.loads(output.paths[0].read_text()) == output.figures
    metrics, rows = output.figures["metrics"], output.figures["per_example"]
    nll = 40 - np.log(2) + np.arange(6)
    np.testing.assert_allclose([row["nll_ais"] for row in rows], nll)
    assert metrics["test/nll_ais"] == pytest.approx(nll.mean())
    assert metrics["test/nll_ais_stderr"] == pytest.approx(nll.std(ddof=1) / np.sqrt(6))
    # Weights 1 and 3: mean 2, error of the mean 1; worth 4^2 / (1 + 9) chains.
    assert metrics["test/chains_error"] == pytest.approx(0.5 / np.sqrt(6))
    assert metrics["test/chains_ess"] == pytest.approx(1.6)
    x = first_examples(run.dataset(), "test", 6, run.config).x
    expected = run.estimate(x, num_samples=7, seed=run.config.evaluation.seed)
    assert metrics["test/nll"] == pytest.approx(-expected.log_likelihood.mean())
    difference = -expected.log_likelihood - nll
    assert metrics["test/nll_minus_ais"] == pytest.approx(difference.mean())
    error = difference.std(ddof=1) / np.sqrt(6)
    assert metrics["test/nll_minus_ais_stderr"] == pytest.approx(error)


@pytest.mark.slow
def test_log_p_of_what_a_model_draws_lies_in_the_bracket_of_annealing(run):
    output = evaluate(run, method="bdmc", num=8, chains=4, temperatures=50, num_samples=200)
    assert output.paths == [run.workdir / "evaluation_simulated_bdmc.json"]
    metrics, rows = output.figures["metrics"], output.figures["per_example"]
    found = {name: metrics[f"simulated/{name}"] for name in rows[0] if name != "example"}
    for name in ("nll_ais", "nll_reverse", "nll", "elbo", "bracket", "nll_minus_ais"):
        assert found[name] == pytest.approx(np.mean([row[name] for row in rows]))
    assert found["bracket"] == pytest.approx(found["nll_ais"] - found["nll_reverse"])
    assert abs(found["bracket"]) < 1 and 0 < found["chains_error"] < 0.3
    assert -found["elbo"] > found["nll"] > found["nll_ais"] - 0.3
    protocol = output.figures["protocol"]
    assert (protocol["chains"], protocol["temperatures"], protocol["num_samples"]) == (4, 50, 200)


@pytest.mark.slow
def test_own_files_and_a_stated_noise_are_annealed_too(run, tmp_path):
    as_files(run, tmp_path)
    given = {"method": "ais", "files": [tmp_path], "chains": 4, "temperatures": 50}
    own = evaluate(run, **given).figures
    assert own["metrics"]["files/examples"] == 6 and own["per_example"][0]["example"] == "0"
    assert abs(own["metrics"]["files/nll_minus_ais"]) < 1.5
    stated = evaluate(run, **given, noise=0.3)
    assert stated.paths[0].name.endswith("_ais_noise0.3.json")
    assert "N(x; mean of p(x | z), 0.3^2)" in stated.figures["protocol"]["likelihood"]
    assert "files/nll" not in stated.figures["metrics"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ladder", "told"])
def test_groups_of_latents_and_conditions_are_annealed_too(name, request, halves_read):
    run = request.getfixturevalue(name)
    given = {"num": 2, "chains": 4, "temperatures": 4, "num_samples": 50}
    metrics = evaluate(run, method="bdmc", **given).figures["metrics"]
    assert metrics["simulated/nll_ais"] > metrics["simulated/nll_reverse"] - 1
    assert metrics["simulated/acceptance"] > 0.3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"temperatures": 10}, "--temperatures is for --method=ais or --method=bdmc"),
        ({"method": "bdmc", "files": ["x"]}, "--method=bdmc draws its examples from the model"),
        ({"method": "ais", "noise": 0.0}, "--noise=0 must be above 0"),
        ({"method": "ais", "split": "test", "noise": -1.0}, "--noise=-1 must be above 0"),
    ],
)
def test_what_a_method_does_not_take_is_refused(run, flags, message):
    with pytest.raises(InputError, match=message):
        evaluate(run, **flags)
