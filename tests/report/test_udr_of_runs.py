"""UDR of run directories: which runs are compared, what is written, what is refused."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from configs import tiny
from untrained import small, untrained

from vae import loading, modalities
from vae.errors import InputError
from vae.report.udr import measure
from vae.training.directory import write_json

RESULT = {"step": 0, "seconds": 1.0, "metrics": {}}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    config = tiny(model__likelihood="gaussian")
    dataset = modalities.load(config.data)
    run = untrained(config, tmp_path_factory.mktemp("run"), num_classes=10)
    object.__setattr__(run, "_dataset", dataset)
    return dataclasses.replace(run, event=dataset.event)


def variables(run, seed, turn=None):
    """Other weights of a run; `turn` permutes its latents and their signs instead."""
    if turn is None:
        rng = np.random.default_rng(seed)
        return jax.tree.map(lambda x: rng.normal(0, 0.3, x.shape).astype(x.dtype), small(run.model))
    order, signs = turn
    columns, both = np.r_[order, np.array(order) + len(order)], np.r_[signs, np.ones(len(order))]

    def last(path, x):  # the layer that gives the means and log-variances
        named = jax.tree_util.keystr(path)
        return x[..., columns] * both if "encoder" in named and x.shape[-1] == len(both) else x

    return jax.tree_util.tree_map_with_path(last, run.variables)


@pytest.fixture
def runs(base, tmp_path, monkeypatch):
    """A sweep of two seeds and of a third run of other settings; the first two are alike."""
    turned = variables(base, 0, ([2, 0, 3, 1], [-1, 1, 1, -1]))
    config = base.config.copy_and_resolve_references()
    known = {}
    for i, weights in enumerate((base.variables, turned, variables(base, 7))):
        folder, own = tmp_path / "trials" / f"{i:04d}", config.copy_and_resolve_references()
        own.seed, own.data.seed, own.objective.beta = i, i, 1.0 + (i == 2)
        folder.mkdir(parents=True)
        write_json(folder / "config.json", {"data": {}, "model": {}})
        write_json(folder / "result.json", RESULT | {"status": "completed"})
        known[folder] = dataclasses.replace(base, variables=weights, config=own, workdir=folder)
        object.__setattr__(known[folder], "_dataset", base._dataset)
    write_json(tmp_path / "sweep.json", {})
    monkeypatch.setattr(loading, "load", known.get)
    return tmp_path, known


def test_a_sweep(runs):
    sweep, known = runs
    text, paths, figures = measure([sweep], split="test", num=150)
    assert [path.parent for path in paths] == list(known)
    a, b, other = (json.loads(path.read_text()) for path in paths)
    same = figures["similarity"]["spearman"][0][1]
    assert a["spearman"]["udr"] == b["spearman"]["udr"] == pytest.approx(same)
    assert other["spearman"]["udr"] is None and 0 < other["spearman"]["udr_a2a"] < same
    assert a["spearman"]["udr_a2a"] == pytest.approx(
        np.median([figures["similarity"]["spearman"][i][0] for i in (1, 2)])
    )
    assert (a["num"], a["informative"], a["protocol"]["runs"]) == (150, 4, 3)
    assert a["protocol"]["runs_of_these_settings"] == 2
    assert a["protocol"]["params_sha256"] != b["protocol"]["params_sha256"]
    head, *rows = text.splitlines()
    assert head.startswith("run ") and rows[-1].split()[0] == str(list(known)[2])


def test_a_trial_that_cannot_be_read_is_left_out(runs, caplog):
    sweep, known = runs
    damaged, *others = known
    (damaged / "config.json").write_text("{")
    _, paths, _ = measure([sweep], split="test", num=150)
    assert [path.parent for path in paths] == others
    assert "config.json is damaged" in caplog.text and "is left out" in caplog.text
    with pytest.raises(InputError, match="is no directory"):
        measure([sweep / "none"], split="test", num=150)


def test_what_cannot_be_compared_is_refused(runs):
    sweep, known = runs
    folders = list(known)
    with pytest.raises(InputError, match="there are 1: give the directory of a sweep"):
        measure([folders[0], folders[0]], split="test", num=150)
    with pytest.raises(InputError, match="these are 20 of the test split"):
        measure(folders, split="test", num=20)
    for folder in folders[1:]:
        write_json(folder / "result.json", RESULT | {"status": "diverged"})
    with pytest.raises(InputError, match="there are 1"):
        measure([sweep], split="test", num=150)
    known[folders[2]] = dataclasses.replace(known[folders[2]], data={"digest": "other"})
    with pytest.raises(InputError, match="are runs of different data"):
        measure(folders, split="test", num=150)
