"""Rate-distortion curves of runs that are only files."""

import json

import numpy as np
import pytest
from PIL import Image

from vae.errors import InputError
from vae.evaluation.evaluator import NO_BOUND
from vae.report.rate_distortion import measure


def make(folder, beta=1.0, seed=0, latents=2, rate=10.0, distortion=80.0, accuracy=None, **others):
    folder.mkdir(parents=True)
    config = {"seed": seed, "data": {"name": "digits"}, "objective": {"beta": beta}}
    config |= {"model": {"name": "vae", "latent_dim": latents}}
    metrics = {"test/kl": rate, "test/reconstruction": -distortion}
    metrics["test/elbo"] = -rate - distortion
    record = {"command": [], "data": {"digest": others.get("digest", "a")}}
    result = {"status": "completed", "step": 4, "seconds": 1.0, "metrics": metrics}
    result |= {"protocol": {"bound": others["bound"]}} if "bound" in others else {}
    for name, content in {"config": config, "provenance": record, "result": result}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    if accuracy is not None:
        mean = {"samples": {"accuracy": accuracy}, "values": {"accuracy": 0.9}}
        (folder / "probe.json").write_text(json.dumps({"step": 4, "mean": mean}))


def test_seeds_make_one_point_and_points_are_in_the_order_of_beta(tmp_path):
    for i, (beta, rate, distortion) in enumerate([(10, 1, 99), (0.5, 20, 75), (2, 9, 82)]):
        for seed in (0, 1):
            make(tmp_path / f"{i}{seed}", beta, seed, 2, rate + seed, distortion, 0.1 * i + 0.5)
    (tmp_path / "00" / "probe.json").unlink()  # that of the other seed counts
    text, (picture, file), figures = measure(tmp_path, None, probe=False)
    assert figures == json.loads(file.read_text())
    assert [point["value"] for point in figures["points"]] == [0.5, 2, 10]
    first, _, last = figures["points"]
    assert (first["rate"], first["distortion"], first["negative_elbo"]) == (20.5, 75, 95.5)
    assert first["rate_stderr"] == pytest.approx(0.5) and first["distortion_stderr"] == 0
    assert last["accuracy"] == 0.5 and "accuracy_stderr" not in last
    assert figures["key"] == "objective.beta" and figures["values"] == {"accuracy": 0.9}
    header, line = text.splitlines()[:2]
    assert header.split("  ")[0] == "objective.beta" and line.split()[:4] == [
        *("0.5", "20.50", "±", "0.50"),
    ]
    assert np.ptp(np.asarray(Image.open(picture))) > 100


@pytest.fixture
def undrawn(monkeypatch):
    """Leaves the picture out."""
    blank = np.zeros((1, 1, 3), np.uint8)
    monkeypatch.setattr("vae.report.rate_distortion.page.page", lambda *_: blank)


def test_what_else_differs_makes_curves_of_their_own(tmp_path, undrawn):
    for latents in (2, 8):
        for beta in (1.0, 4.0):
            make(tmp_path / f"{latents}{beta}", beta, latents=latents, rate=latents / beta)
    points = measure(tmp_path, None, probe=False)[2]["points"]
    assert [(p["curve"], p["value"]) for p in points] == [
        *(("model.latent_dim=2", 1.0), ("model.latent_dim=2", 4.0)),
        *(("model.latent_dim=8", 1.0), ("model.latent_dim=8", 4.0)),
    ]
    points = measure(tmp_path, "model.latent_dim", probe=False)[2]["points"]
    assert [p["value"] for p in points] == [2, 8, 2, 8]
    with pytest.raises(InputError, match=r"--key=model.latent: .* did you mean"):
        measure(tmp_path, "model.latent", probe=False)


def test_latents_that_were_not_probed_are_probed_on_demand(tmp_path, undrawn, monkeypatch):
    for beta in (1.0, 4.0):
        make(tmp_path / str(beta), beta, accuracy=0.6)
    older = tmp_path / "4.0" / "probe.json"
    older.write_text(older.read_text().replace('"step": 4', '"step": 2'))
    assert "accuracy" not in measure(tmp_path, None, probe=False)[2]["points"][1]
    mean = {"samples": {"accuracy": 0.25}, "values": {"accuracy": 0.9}}

    def task(folder):
        (folder / "probe.json").write_text(json.dumps({"step": 4, "mean": mean}))

    monkeypatch.setattr("vae.loading.load", lambda folder: folder)
    monkeypatch.setattr("vae.tasks.representation.probe", task)
    points = measure(tmp_path, None, probe=True)[2]["points"]
    assert [point["accuracy"] for point in points] == [0.6, 0.25]


def test_what_has_no_curve_is_said_in_a_sentence(tmp_path):
    make(tmp_path / "one" / "a")
    with pytest.raises(InputError, match="holds 1 completed run, and a curve takes two"):
        measure(tmp_path / "one", None, probe=False)
    make(tmp_path / "one" / "b", seed=1)
    with pytest.raises(InputError, match="differ in nothing but their seeds"):
        measure(tmp_path / "one", None, probe=False)
    make(tmp_path / "one" / "c", beta=4.0, digest="b")
    with pytest.raises(InputError, match="runs of different data"):
        measure(tmp_path / "one", None, probe=False)
    for name, bound in {"gan": {}, "point": {"bound": NO_BOUND}}.items():
        make(tmp_path / name / "a")
        make(tmp_path / name / "b", beta=2.0, **bound)
        result = tmp_path / name / "b" / "result.json"
        if name == "gan":
            result.write_text(result.read_text().replace("test/kl", "test/other"))
        with pytest.raises(InputError, match="has no rate"):
            measure(tmp_path / name, None, probe=False)
