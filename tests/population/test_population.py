"""Runs that are trained together are the runs they would have been alone."""

import logging
import os
import signal

import jax
import numpy as np
import pytest
from configs import QUIET, tiny
from logged import lines

import vae
from vae.errors import InputError
from vae.population import packing, population, stacked
from vae.population.population import Member
from vae.training.directory import STOP

VARIANTS = (
    {"optimizer__learning_rate": 1e-3},
    {"optimizer__learning_rate": 3e-3, "seed": 1},
    {"objective__beta": 2.0, "data__seed": 2},
    {"objective__beta_warmup_steps": 8, "optimizer__warmup_steps": 4, "objective__free_bits": 0.1},
)


def members(folder, variants=VARIANTS, **common):
    return [
        Member(tiny(**common, **variant), folder / str(m), variant)
        for m, variant in enumerate(variants)
    ]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    return folder, population.train(members(folder))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    return folder, [vae.train(m.config, m.workdir) for m in members(folder)]


def test_members_are_the_runs_they_would_have_been_alone(together, alone):
    for m, (one, other) in enumerate(zip(together[1], alone[1], strict=True)):
        assert one["status"] == other["status"] == "completed"
        assert one["metrics"].keys() == other["metrics"].keys()
        for name, value in other["metrics"].items():
            np.testing.assert_allclose(one["metrics"][name], value, rtol=2e-4, atol=1e-5)
        ours, theirs = lines(together[0] / str(m)), lines(alone[0] / str(m))
        assert [line.keys() for line in ours] == [line.keys() for line in theirs]
        runs = vae.load(together[0] / str(m)), vae.load(alone[0] / str(m))
        leaves = [jax.tree.leaves(run.params) for run in runs]
        for ours, theirs in zip(*leaves, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
    elbos = [result["metrics"]["test/elbo"] for result in together[1]]
    assert len(set(elbos)) == len(elbos)


def test_a_complete_population_is_not_trained_again(together, monkeypatch):
    folder, results = together
    monkeypatch.setattr(population, "_train", None)
    assert population.train(members(folder)) == results


def interrupt_at(monkeypatch, step):
    """Sends this process a SIGTERM while the batch of a step is made."""
    call_batch = stacked.call_batch

    def interrupting(batches, config, first):
        if first == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return call_batch(batches, config, first)

    monkeypatch.setattr(stacked, "call_batch", interrupting)


def test_a_stopped_population_goes_on_each_member_from_its_own_step(
    together, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        interrupt_at(patch, 12)
        stopped = population.train(members(tmp_path))
    assert [(r["status"], r["step"]) for r in stopped] == [("preempted", 13)] * len(VARIANTS)
    # As if the machine had died before this member's last checkpoint was written.
    (tmp_path / "1" / "checkpoints" / "13").rename(tmp_path / "lost")
    again = population.train(members(tmp_path))
    for m, (one, other) in enumerate(zip(again, together[1], strict=True)):
        assert one["params_sha256"] == other["params_sha256"]
        assert lines(tmp_path / str(m)) == lines(together[0] / str(m))


def test_a_member_may_end_be_stopped_or_diverge_while_the_rest_goes_on(together, tmp_path, caplog):
    rates = [{"optimizer__learning_rate": rate} for rate in (1e-6, 1e30)]
    variants = [rates[0], *VARIANTS[1::-1], rates[1]]
    early = {"training__patience": 1, "training__min_delta": 1.0, "evaluation__every_steps": 5}
    quartet = members(tmp_path, variants, training__max_nonfinite=2, **early)
    quartet[2].workdir.mkdir()
    (quartet[2].workdir / STOP).touch()
    with caplog.at_level(logging.WARNING):
        slow, whole, stopped, diverged = population.train(quartet)
    assert slow["status"] == "completed" and slow["step"] == 10 and "test/elbo" in slow["metrics"]
    assert "has not risen by more than 1 since step 5" in slow["reason"]
    assert whole["status"] == "completed" and whole["step"] == 20 and "reason" not in whole
    assert stopped["status"] == "preempted"
    # It is read where a figure is logged, and ends after the next step.
    assert stopped["step"] == 5 and "test/elbo" not in stopped["metrics"]
    assert diverged["status"] == "diverged" and "going back to step 0" in caplog.text
    expected = together[1][1]["metrics"]["test/elbo"]
    assert whole["metrics"]["test/elbo"] == pytest.approx(expected, rel=2e-4)


def test_what_is_compiled_in_may_not_differ(tmp_path):
    pair = members(tmp_path, [{}, {"model__latent_dim": 5, "optimizer__learning_rate": 1e-2}])
    with pytest.raises(InputError, match=r"cannot be trained in one .* differ in model.latent_dim"):
        population.train(pair)
    # With data.labelled the seed of the data chooses labels, which are data.
    pair = members(tmp_path, [{"data__labelled": 100}, {"data__labelled": 100, "data__seed": 1}])
    with pytest.raises(InputError, match=r"differ in data.seed"):
        population.train(pair)
    assert not any(tmp_path.iterdir())


def test_a_population_compiles_its_step_once(tmp_path, monkeypatch):
    traces = []
    step = population.Experiment.step

    def counted(self, mesh):
        body = step(self, mesh)
        return lambda *args: traces.append(1) or body(*args)

    monkeypatch.setattr(population.Experiment, "step", counted)
    population.train(members(tmp_path, VARIANTS[:2], training__steps=8, **QUIET))
    assert len(traces) == 1


def test_packing_grows_while_it_pays_and_fits(monkeypatch):
    # Seconds and bytes of a device that does eight runs in the time of one, then no more.
    def timed(experiment, members):
        number = max(members, 1)
        seconds = max(number / 8, 1.0)
        return packing.Packing(number, seconds, seconds, 100 * number)

    monkeypatch.setattr(packing, "_timed", timed)
    assert packing.measure(tiny(), 256).members == 16
    assert packing.measure(tiny(), 10).members == 10
    assert packing.measure(tiny(), 1).members == 1
    monkeypatch.setattr(packing, "_memory", lambda: 700)
    assert packing.measure(tiny(), 256).members == 7
    monkeypatch.setattr(packing, "_memory", lambda: 300)
    assert packing.measure(tiny(), 256).members == 1


def test_packing_is_measured():
    packed = packing.measure(tiny(), 4)
    assert packed.members in (1, 4)  # as it pays here, or does not
    assert packed.alone > 0 and packed.together > 0 and packed.device_bytes > 0
