"""Every modality of the table: trained, stopped, gone on with, evaluated, sampled, put to use."""

import csv
import json

import jax
import numpy as np
import pytest
from configs import tiny
from logged import interrupt_at
from markupsafe import escape
from PIL import Image

import vae
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.modalities import MODALITIES
from vae.modalities.images.tasks.augment import augment
from vae.modalities.video.tasks.predict import predict
from vae.modalities.video.tasks.surprise import surprise
from vae.tasks.anomaly import anomaly
from vae.tasks.denoise import denoise
from vae.tasks.evaluate import evaluate
from vae.tasks.fidelity import fidelity
from vae.tasks.inpaint import inpaint
from vae.tasks.interpolate import interpolate
from vae.tasks.nearest import nearest
from vae.tasks.reconstruct import reconstruct
from vae.tasks.sample import sample
from vae.tasks.traverse import traverse

SPLITS = {"data__train": "train[:60]", "data__valid": "train[60:80]", "data__test": "train[80:100]"}
GAUSSIAN = {"model__likelihood": "gaussian", "model__scale": "per_channel"}
TINY = {
    "text": {
        "data__name": "topics",
        "data__max_length": 12,
        "data__vocabulary": 300,
        "model__likelihood": "categorical",
        "model__encoder": "lstm",
        "model__decoder": "lstm",
        "model__posterior": "batch_normalized",  # so that z is used after a few steps
    },
    "tables": {"data__name": "wine", **GAUSSIAN},
    "images": {"data__name": "digits"},
    "counts": {
        "data__name": "cells",
        "data__label_column": "batch",
        "data__genes": 30,
        "model__stem": "log1p",
        "model__likelihood": "zero_inflated_negative_binomial",
        "model__library": "observed",
        "model__dispersion": "per_channel",
    },
    "sound": {"data__name": "notes", "data__mels": 8, "data__seconds": 0.128, **GAUSSIAN},
    "video": {"data__name": "moving_digits", "data__frames": 4, "data__image_size": (16, 16)},
    "volumes": {
        "data__name": "solids",
        "data__volume_size": (8, 8, 8),
        "model__likelihood": "bernoulli",
    },
}
OTHERS = {  # a set that is read as the run's
    "text": "topics",
    "tables": "wine:class_2",
    "counts": "cells:doublets",
    "images": "faces",
    "sound": "notes",
    "video": "moving_digits",
    "volumes": "solids",
}
HAVE = {  # the kinds of data that have these tasks
    augment: ("images",),
    fidelity: ("images", "sound", "volumes", "video"),  # a classifier sees or hears them
    inpaint: ("images", "volumes", "video"),
    **dict.fromkeys((predict, surprise), ("video",)),
}


def write_files(name, run, folder):
    """Two examples of a person's own, as files."""
    if name == "images":
        Image.fromarray(np.full((9, 9), 70, np.uint8)).save(folder / "a.png")
        Image.fromarray(np.eye(9, dtype=np.uint8) * 200).save(folder / "b.png")
        return [folder / "a.png", folder / "b.png"]
    if name == "text":
        (folder / "own.txt").write_text("The end of a name.\n\nA word\n")
        return [folder / "own.txt"]
    if name == "video":
        for number, level in enumerate((70, 200)):
            frames = [
                Image.fromarray(np.eye(9, dtype=np.uint8) * level).rotate(9 * t) for t in range(5)
            ]
            frames[0].save(folder / f"{number}.gif", save_all=True, append_images=frames[1:])
        return [folder / "0.gif", folder / "1.gif"]
    if name == "volumes":
        np.save(folder / "a.npy", np.eye(9, dtype=np.uint8).repeat(9).reshape(9, 9, 9))
        np.save(folder / "b.npy", np.ones((8, 8, 8, 1), bool))
        return [folder / "a.npy", folder / "b.npy"]
    x = np.eye(2, run.event.size).reshape(2, *run.event.shape)
    sheet = MODALITIES[name].sheet(x, run.event, "Own")
    return sheet.save(folder / "own.png")[1:]


@pytest.fixture(scope="module", params=sorted(MODALITIES))
def trained(request, tmp_path_factory):
    """A modality's name and a run of it that was stopped half-way, and gone on with."""
    name, workdir = request.param, tmp_path_factory.mktemp(request.param) / "run"
    shown = {"log__images_every_steps": 40, "log__num_images": 6}
    schedule = {"training__steps": 40, "evaluation__every_steps": 40, "checkpoint__every_steps": 20}
    config = tiny(**SPLITS, **TINY[name], **shown, **schedule, optimizer__learning_rate=1e-2)
    with pytest.MonkeyPatch.context() as patch:
        interrupt_at(patch, 20)
        assert vae.train(config, workdir)["step"] == 21
    result = vae.train(config, workdir)
    assert result["status"] == "completed" and np.isfinite(result["metrics"]["test/nll"])
    return name, config, vae.load(workdir)


def test_every_modality_is_tried():
    assert TINY.keys() == MODALITIES.keys()


def test_a_run_that_was_stopped_has_the_weights_of_one_that_was_not(trained, tmp_path):
    _, config, run = trained
    whole = config.copy_and_resolve_references()
    whole.log.images_every_steps = whole.evaluation.every_steps = 0
    vae.train(whole, tmp_path / "whole")
    other = vae.load(tmp_path / "whole")
    jax.tree.map(np.testing.assert_array_equal, run.params, other.params)


def test_what_a_run_is_told_and_tells_in_python(trained):
    name, _, run = trained
    assert run.modality.NAME == name == run.data["modality"]
    dataset = run.dataset()
    x = first_examples(dataset, "test", len(dataset.test), run.config).x
    assert run.event == dataset.event and run.modality.check(x, run.event).dtype == x.dtype
    assert run.sample(5).shape == (5, *run.event.shape) == run.reconstruct(x[:5]).shape
    nll = -run.log_likelihood(x, num_samples=4).mean()
    assert nll == pytest.approx(evaluate(run).figures["metrics"]["test/nll"], rel=1e-5)


def test_pictures_lie_in_the_folder_of_the_modality(trained):
    name, _, run = trained
    drawn = {f"{what}_00000040.png" for what in ("samples", "reconstructions")}
    assert drawn <= {path.name for path in (run.workdir / name).iterdir()}
    for path in (sample(run, num=6, draw=True).paths[0], reconstruct(run, num=6).paths[0]):
        assert path.parent == run.workdir / name
        assert np.ptp(np.asarray(Image.open(path))) > 100  # something is on it


def test_a_report_has_what_was_drawn_and_what_is_read_or_heard(trained):
    name, _, run = trained
    page = (run.workdir / "report.html").read_text()
    for what in ("samples", "reconstructions"):
        drawn = run.workdir / name / f"{what}_00000040.png"
        assert f'<h2 id="{what}">' in page
        if drawn.with_suffix(".txt").is_file():
            assert str(escape(drawn.with_suffix(".txt").read_text().splitlines()[-1])) in page
        else:
            assert f'alt="{what.capitalize()}"' in page
        if any(drawn.with_suffix("").glob("*.wav")):
            assert "data:audio/wav;base64," in page
    assert "How improbable test examples are" in page and '<h2 id="curves">' in page
    assert len(page) < 3e6


def test_the_test_examples_are_put_to_use(trained):
    _, _, run = trained
    for paths, figures, _ in (
        interpolate(run, num=4, steps=3),
        traverse(run, steps=3),
        nearest(run, num=3),
    ):
        assert figures and all(path.exists() for path in paths)
    assert np.isfinite(list(reconstruct(run, num=6).figures["metrics"].values())).all()


def test_own_files_and_other_sets_are_read(trained, tmp_path):
    name, _, run = trained
    files = write_files(name, run, tmp_path)
    assert len(evaluate(run, files=files, num_samples=4).figures["per_example"]) == 2
    assert reconstruct(run, files=files).paths[0].is_file()
    assert all(path.exists() for path in interpolate(run, files=files, steps=3).paths)
    # Each scores 12 examples, validation examples among them, so that one program does.
    found = anomaly(run, files=files, num=10, num_samples=4, p_values=True).figures
    assert (found["examples"], found["validation"]) == (2, 10)
    paths, found, _ = anomaly(run, outliers=files, num=5, num_samples=4)
    assert all(path.is_file() and run.out in path.parents for path in paths)
    assert found["outliers"] == 2 and found["auroc"].keys() == found["mean"].keys()
    assert found["ks"]["nll"] >= 0 and found["found_5%"].keys() == found["mean"].keys()
    found = anomaly(run, outliers=[OTHERS[name]], num=4, num_samples=4).figures
    assert found["outliers"] == 4


def test_noise_is_taken_from_sounds(trained):
    name, _, run = trained
    if name != "sound":
        pytest.skip("tests/tasks/test_repair.py has images")
    paths, figures, _ = denoise(run, num=2, sigma=0.2, samples=2, sweeps=8)
    assert all(path.exists() for path in paths) and (
        paths[0].with_suffix("") / "000_test_0.wav"
    ) in (paths[0].with_suffix("").iterdir())
    assert figures["mse"]["posterior_mean"] < figures["mse"]["noisy"]
    assert 0 < figures["lsd"]["posterior_mean"] < figures["lsd"]["noisy"]


def test_half_a_solid_is_completed(trained):
    name, _, run = trained
    if name != "volumes":
        pytest.skip("tests/tasks/test_repair.py has images")
    lower = (0, 0, 0, 8, 8, 4)
    paths, figures, _ = inpaint(run, num=2, samples=2, sweeps=8, box=lower)
    assert all(path.exists() for path in paths) and figures["missing_pixels"] == 8 * 8 * 4
    assert figures["mse"]["posterior_mean"] < figures["mse"]["mean"]
    assert 0 < figures["iou"]["posterior_mean"] <= 1
    with pytest.raises(InputError, match="starts and sizes within volumes of 8x8x8"):
        inpaint(run, box=(0, 0, 4, 8))


def test_what_is_read_is_printed_and_kept_as_text(trained):
    name, _, run = trained
    if name != "text":
        pytest.skip("only text is read")
    (_, kept), _, printed = sample(run, num=6)
    assert kept.read_text("utf-8") == f"{printed}\n" and len(printed.splitlines()) == 6
    (_, table, _), _, printed = anomaly(run, num=20, num_samples=4)
    lines = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    most = max(lines, key=lambda line: float(line["nll_per_value"]))
    first = printed.splitlines()[printed.splitlines().index("") + 2]
    assert most["text"] in first and most["example"] in first
    drawn = (run.workdir / name / "samples_00000040.txt").read_text("utf-8")  # in training
    assert drawn.count("\n") == 6


def test_what_only_some_have_is_refused_in_a_sentence(trained):
    name, _, run = trained
    for task, have in HAVE.items():
        if name not in have:
            with pytest.raises(InputError, match=f"are {name}"):
                task(run)


def test_a_table_records_the_units_of_its_columns(trained):
    name, _, run = trained
    if name != "tables":
        pytest.skip("tables alone are standardised")
    record = json.loads((run.workdir / "provenance.json").read_text())["data"]
    assert len(record["values"]["scale"]) == 13 and record["names"][0] == "alcohol"
    result = json.loads((run.workdir / "result.json").read_text())
    less = run.event.log_scale
    assert f"is less by {less:.6g} nats" in result["protocol"]["values"]
