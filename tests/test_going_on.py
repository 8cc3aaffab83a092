"""What a run is asked for the second time: with moved or other data, more steps, new figures."""

import json
import logging
import re
import shutil

import numpy as np
import pytest
from configs import QUIET, tiny
from logged import interrupt_at, lines

import vae
from vae.errors import InputError
from vae.population import population
from vae.tasks.evaluate import evaluate
from vae.training.arrays import digest


def on(path, **overrides):
    return tiny(data__name="", data__path=str(path), **QUIET | overrides)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A complete run of images of its own, with them in a.npz; b.npz has others of that shape."""
    folder = tmp_path_factory.mktemp("first")
    for name, low in (("a", 0), ("b", 100)):
        images = np.random.default_rng(low).integers(low, 156 + low, (160, 8, 8), dtype=np.uint8)
        np.savez(folder / f"{name}.npz", images=images)
    vae.train(on(folder / "a.npz"), folder / "run")
    return folder


@pytest.fixture
def moved(first, tmp_path):
    """A copy of it whose data have moved."""
    copy = shutil.copytree(first, tmp_path / "copy")
    config = json.loads((copy / "run" / "config.json").read_text())
    config["data"]["path"] = str(copy / "a.npz")
    (copy / "run" / "config.json").write_text(json.dumps(config))
    (copy / "a.npz").rename(copy / "moved.npz")
    return copy


def record(run, name="provenance.json"):
    return json.loads((run / name).read_text())


def written(run):
    return {path: path.read_bytes() for path in run.glob("*.json*")}


def test_other_data_are_refused_and_nothing_is_written(moved):
    run = moved / "run"
    before = written(run)
    for steps in (20, 30):
        with pytest.raises(
            InputError, match=r"these are not the data of .*run, which were .*a\.npz"
        ):
            vae.train(on(moved / "b.npz", training__steps=steps), run)
    with pytest.raises(InputError, match=r"these are not the data of .*run"):
        evaluate(vae.load(run, places={"data.path": str(moved / "b.npz")}))
    assert written(run) == before


def test_moved_data_are_the_same(moved, first):
    run, place = moved / "run", moved / "moved.npz"
    with pytest.raises(InputError, match=r"a\.npz does not exist"):
        evaluate(vae.load(run))
    figures = evaluate(vae.load(run, places={"data.path": str(place)})).figures
    known = record(first / "run", "result.json")
    assert figures["metrics"]["test/nll"] == known["metrics"]["test/nll"]
    assert record(run, "config.json")["data"]["path"] != str(place)  # for that command alone

    result = vae.train(on(place), run)
    assert result["metrics"] == known["metrics"]
    assert record(run, "config.json")["data"]["path"] == str(place)
    evaluate(vae.load(run))
    whole = vae.train(on(first / "a.npz", training__steps=30), moved / "whole")
    raised = vae.train(on(place, training__steps=30), run)
    assert raised["params_sha256"] == whole["params_sha256"]


def test_a_run_of_before_there_was_a_digest_goes_on(moved):
    run = moved / "run"
    provenance = record(run)
    del provenance["data"]["digest"], provenance["history"]
    (run / "provenance.json").write_text(json.dumps(provenance))
    evaluate(vae.load(run, places={"data.path": str(moved / "moved.npz")}))
    vae.train(on(moved / "moved.npz", training__steps=30), run)
    assert record(run)["data"]["digest"]
    assert [plan["training.steps"] for plan in record(run)["history"]] == [20, 30]


def test_a_run_can_do_without_what_it_started_from(moved):
    run, place = moved / "run", moved / "moved.npz"
    start = digest(vae.load(run).params)
    still = {"optimizer__learning_rate": 1e-30, "training__pretrained": str(run)}
    vae.train(on(place, **still), moved / "second")
    run.rename(moved / "elsewhere")
    shutil.copytree(moved / "second", moved / "third")

    longer = vae.train(on(place, **still, training__steps=30), moved / "second")
    assert longer["step"] == 30 and longer["params_sha256"] == start
    still["training__pretrained"] = str(moved / "elsewhere")
    longer = vae.train(on(place, **still, training__steps=30), moved / "third")
    assert longer["step"] == 30
    assert record(moved / "third")["pretrained_sha256"] == start
    vae.train(on(place, seed=1), moved / "other")
    for other in ("", str(moved / "other")):
        still["training__pretrained"] = other
        with pytest.raises(InputError, match="did not start from the weights that"):
            vae.train(on(place, **still, training__steps=40), moved / "third")


def test_more_steps_of_a_decaying_rate_are_said_and_recorded(moved, caplog):
    run, place = moved / "run", moved / "moved.npz"
    decaying = {"optimizer__schedule": "linear"}
    vae.train(on(place, **decaying, training__steps=10), moved / "decaying")
    assert record(moved / "decaying")["history"] == [{"from_step": 0, "training.steps": 10}]
    with caplog.at_level(logging.WARNING):
        vae.train(on(place, training__steps=30), run)
        assert "learning rate" not in caplog.text
        for _ in range(2):
            vae.train(on(place, **decaying, training__steps=40), moved / "decaying")
    assert caplog.text.count("from step 10 on it is 0.75 of optimizer.learning_rate") == 1
    assert record(moved / "decaying")["history"] == [
        {"from_step": 0, "training.steps": 10},
        {"from_step": 10, "training.steps": 40},
    ]


def test_another_evaluation_of_a_complete_run_is_made(moved, tmp_path):
    run, place = moved / "run", moved / "moved.npz"
    before = vae.train(on(place), run)
    asked = on(place, evaluation__num_samples=20)
    result = vae.train(asked, run)
    assert result["protocol"]["num_samples"] == 20
    assert result["metrics"]["test/nll"] < before["metrics"]["test/nll"]  # a tighter bound
    assert result["params_sha256"] == before["params_sha256"]
    tested = [line for line in lines(run) if "test/nll" in line]
    assert [line["test/nll"] for line in tested] == [result["metrics"]["test/nll"]]
    assert vae.train(asked, run) == result == record(run, "result.json")

    # Killed between the config and the figures.
    (run / "result.json").write_text(json.dumps(before))
    assert vae.train(asked, run)["metrics"] == result["metrics"]

    shutil.rmtree(run / "checkpoints")
    with pytest.raises(InputError, match="was completed, but its checkpoints are gone"):
        vae.train(on(place, evaluation__num_samples=5), run)
    assert record(run, "result.json")["metrics"] == result["metrics"]


def replace_data(folder):
    """Puts other images of that shape where the run's were."""
    shutil.copy(folder / "b.npz", folder / "moved.npz")


def test_a_complete_run_does_not_answer_for_other_data(moved, caplog):
    run, place = moved / "run", moved / "moved.npz"
    result = vae.train(on(place), run)
    replace_data(moved)
    before = written(run)
    with pytest.raises(InputError, match=r"these are not the data of .*run"):
        vae.train(on(place), run)
    with pytest.raises(InputError, match=r"these are not the data of .*run"):
        population.train([population.Member(on(place), run, {})])
    assert written(run) == before
    place.unlink()
    assert vae.train(on(place), run) == result
    assert re.search(r"moved\.npz does not exist.*run were not checked", caplog.text)


@pytest.mark.parametrize("content", [None, "{"])
def test_a_run_that_does_not_say_its_data_is_said(moved, caplog, content):
    run, place = moved / "run", moved / "moved.npz"
    vae.train(on(place), run)
    assert "does not say what data" not in caplog.text
    (run / "provenance.json").unlink()
    if content:
        (run / "provenance.json").write_text(content)
    replace_data(moved)
    for _ in range(2):
        vae.train(on(place, training__steps=30), run)
    said = re.findall(r"run does not say what data it was trained on; .*moved\.npz", caplog.text)
    assert len(said) == 1


def preempted(folder, step):
    """Has the complete run look like one of 40 steps that was stopped after `step`."""
    result = record(folder / "run", "result.json")
    config = record(folder / "run", "config.json")
    config["data"]["path"] = str(folder / "moved.npz")
    config["training"]["steps"] = 40
    (folder / "run" / "config.json").write_text(json.dumps(config))
    stopped = {k: v for k, v in result.items() if k != "protocol"}
    stopped |= {"status": "preempted", "step": step}
    (folder / "run" / "result.json").write_text(json.dumps(stopped))


def test_a_stopped_run_without_its_checkpoints_is_refused(moved):
    run = moved / "run"
    preempted(moved, 20)
    shutil.rmtree(run / "checkpoints")
    before = written(run)
    for _ in range(2):
        with pytest.raises(InputError, match="was preempted, but its checkpoints are gone"):
            vae.train(on(moved / "moved.npz", training__steps=40), run)
    assert written(run) == before


def test_a_run_stopped_before_it_could_save_starts_anew(first, tmp_path, monkeypatch):
    skipping = on(first / "a.npz", optimizer__learning_rate=1e30, checkpoint__every_steps=20)
    skipping.evaluation.every_steps = 20
    with monkeypatch.context() as patch:
        interrupt_at(patch, 10)
        stopped = vae.train(skipping, tmp_path)
    assert stopped["status"] == "preempted" and stopped["step"] == 0
    assert vae.train(skipping, tmp_path)["step"] == 20


def test_a_failure_before_a_step_leaves_the_result(moved, monkeypatch):
    run, longer = moved / "run", on(moved / "moved.npz", training__steps=30)
    before = (run / "result.json").read_bytes()

    def no_space(*args, **kwargs):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:  # as the lines of before are read
        patch.setattr("vae.training.logs.Log.rewind", no_space)
        with pytest.raises(OSError, match="No space"):
            vae.train(longer, run)
    assert (run / "result.json").read_bytes() == before

    with monkeypatch.context() as patch:  # ten steps later
        patch.setattr("vae.training.logs.Log.scalars", no_space)
        with pytest.raises(OSError, match="No space"):
            vae.train(longer, run)
    assert record(run, "result.json")["status"] == "failed"
    assert vae.train(longer, run)["status"] == "completed"


@pytest.mark.parametrize("stopped", [False, True])
def test_fewer_steps_than_were_taken_are_said(moved, caplog, stopped):
    run, place = moved / "run", moved / "moved.npz"
    if stopped:
        preempted(moved, 20)
    result = vae.train(on(place, training__steps=10), run)
    assert result["step"] == 20
    said = re.findall(r"has taken 20 steps already, more than training\.steps=10", caplog.text)
    assert len(said) == 1
