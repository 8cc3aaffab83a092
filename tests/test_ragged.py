"""Sentences of many lengths from training to figures: exact, whatever the batches are cut to."""

import math
from dataclasses import replace

import jax
import numpy as np
import pytest
from configs import tiny
from logged import interrupt_at, lines

import vae
from vae import experiment, modalities
from vae.data import lengths
from vae.data.batches import evaluation_batches
from vae.data.examples import Dataset, in_memory
from vae.data.prepare import prepare
from vae.evaluation.likelihood import make_estimator
from vae.population import population
from vae.population.population import Member
from vae.probability.event import Event, Values
from vae.training import devices
from vae.training import step as step_module

WORDS, LONGEST = 7, 16
EVENTS = {
    "tokens": Event((LONGEST, 1), Values("tokens", levels=WORDS, missing=True, end=0)),
    "levels": Event((LONGEST, 1), Values("levels", scale=WORDS - 1, levels=WORDS, missing=True)),
}


def sentences(number, event):
    """Sentences that count up from a word of their own, and end with word 0."""
    rng = np.random.default_rng(number)
    sizes = np.clip(rng.lognormal(1.8, 0.5, number).astype(int), 2, LONGEST)
    place = np.arange(LONGEST)
    words = 1 + (rng.integers(0, 6, (number, 1)) + place) % (WORDS - 1)
    words = np.where(place == sizes[:, None] - 1, 0, words)
    words = np.where(place < sizes[:, None], words, -1)
    return replace(in_memory(words.astype(np.int16)[..., None]).measured(), resident=True)


def dataset(kind="tokens"):
    event = EVENTS[kind]
    splits = {"train": 300, "valid": 20, "test": 50}
    splits = {name: sentences(number, event) for name, number in splits.items()}
    return Dataset(**splits, event=event, num_classes=0, description="sentences", digest="1")


def config(**overrides):
    sequences = {
        "model__encoder": "lstm",
        "model__decoder": "lstm",
        "model__likelihood": "categorical",
        "model__encoder_widths": (8,),
        "model__decoder_widths": (8,),
        "data__batch_size": 16,
        "training__steps": 6,
        "evaluation__every_steps": 0,
        "checkpoint__every_steps": 2,
        "log__every_steps": 2,
    }
    return tiny(**sequences | overrides)


@pytest.fixture(autouse=True)
def two_lengths(monkeypatch):
    """A few more would take as many seconds."""
    monkeypatch.setattr(lengths, "MOST", 2)


@pytest.fixture
def data(monkeypatch):
    """Has every run read the sentences."""
    found = dataset()
    monkeypatch.setattr(modalities, "load", lambda config, whole=True: found)
    return found


@pytest.fixture
def traces(monkeypatch):
    """A list with the positions of every trace of the step."""
    found, make_step = [], step_module.make_step

    def traced(*args, **kwargs):
        step = make_step(*args, **kwargs)
        return lambda *given: (found.append(given[1].raw.values.shape[2]), step(*given))[1]

    monkeypatch.setattr(experiment, "make_step", traced)
    return found


def use_devices(number, monkeypatch):
    """Has runs be trained on the first so many devices."""
    mesh = jax.make_mesh(
        (1, number),
        (devices.MEMBER, devices.AXIS),
        axis_types=(jax.sharding.AxisType.Auto,) * 2,
        devices=jax.devices()[:number],
    )
    monkeypatch.setattr(devices, "make_mesh", lambda members=1: mesh)


def test_a_run_is_the_same_when_it_was_stopped_and_on_other_devices(
    data, traces, tmp_path, monkeypatch, capfd
):
    use_devices(2, monkeypatch)
    whole = vae.train(config(), tmp_path / "whole")
    assert len(traces) == len(set(traces)) == 2  # each length is compiled for once
    said = capfd.readouterr().err
    assert "compiling the step\n" in said
    assert f"compiling the step for {traces[1]} positions\n" in said
    with monkeypatch.context() as patch:
        interrupt_at(patch, 3)
        stopped = vae.train(config(), tmp_path / "stopped")
    assert stopped["status"] == "preempted" and stopped["step"] == 4
    resumed = vae.train(config(), tmp_path / "stopped")
    assert resumed["params_sha256"] == whole["params_sha256"]
    assert resumed["metrics"] == whole["metrics"]
    assert lines(tmp_path / "stopped") == lines(tmp_path / "whole")

    use_devices(1, monkeypatch)
    alone = vae.train(config(), tmp_path / "alone")
    for name in ("test/nll", "train/loss"):
        assert alone["metrics"][name] == pytest.approx(whole["metrics"][name], rel=1e-5)

    values = data.test.lengths.sum()
    nats = whole["metrics"]["test/nll"] * len(data.test) / values
    assert whole["metrics"]["test/perplexity"] == pytest.approx(math.exp(nats))
    assert f"(50 examples, {values:,} values)" in whole["protocol"]["split"]
    assert "ends an example counts" in whole["protocol"]["perplexity"]


@pytest.mark.slow
def test_the_steps_of_a_call_and_all_members_have_one_length(data, traces, tmp_path):
    variants = {"optimizer__learning_rate": 1e-3}, {"data__seed": 2}
    members = [
        Member(config(training__steps_per_call=2, **variant), tmp_path / str(i), variant)
        for i, variant in enumerate(variants)
    ]
    together = population.train(members)
    assert len(traces) == len(set(traces)) == 2
    alone = vae.train(members[1].config, tmp_path / "alone")
    for name in ("test/nll", "train/loss"):
        assert together[1]["metrics"][name] == pytest.approx(alone["metrics"][name], rel=1e-4)


@pytest.mark.parametrize(("kind", "networks"), [("tokens", "lstm"), ("levels", "transformer")])
def test_an_estimate_does_not_depend_on_the_cut(kind, networks):
    data = dataset(kind)
    causal = {"lstm": "lstm", "transformer": "causal_transformer"}[networks]
    given = config(model__encoder=networks, model__decoder=causal)
    model = vae.models.build(given.model, experiment._model_data(data, given))
    variables = jax.jit(model.init)(key=jax.random.key(0))
    variables = jax.tree.map(lambda x: 2 * x + 0.1, variables)  # far from where it starts
    assert model.any_length
    estimator = make_estimator(
        model,
        lambda batch, table, keys: prepare(
            batch, table, data.event.values, given.data, train=False, keys=keys
        ),
        devices.make_mesh(),
        num_samples=6,
        max_bytes=2**14,
    )

    def estimate(size, cut):
        batches = list(evaluation_batches(data.test, size, cut=cut))
        key = jax.random.key(3)
        return estimator(variables, None, batches, key=key, num_batches=len(batches))

    whole = estimate(52, cut=False)
    np.testing.assert_array_equal(whole.dimensions, data.test.lengths)
    found = estimate(4, cut=True)  # one example on each device
    for name in ("elbo", "log_likelihood", "kl", "mean", "dimensions"):
        a, b = getattr(found, name), getattr(whole, name)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
