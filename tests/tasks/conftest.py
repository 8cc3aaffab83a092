"""Tiny trained runs that tests of tasks share."""

import dataclasses

import jax
import numpy as np
import pytest
from configs import tiny
from untrained import untrained

import vae
from vae.data.examples import ArrayExamples, Raw, Source
from vae.modalities import images
from vae.modalities.images import show
from vae.probability.event import BYTES

LONG = {
    "model__encoder_widths": (64,),
    "model__decoder_widths": (64,),
    "data__batch_size": 64,
    "optimizer__learning_rate": 5e-3,
    "training__steps": 300,
    "training__steps_per_call": 20,
    "log__every_steps": 20,
    "training__ema_decay": 0.0,
    "evaluation__every_steps": 0,
    "checkpoint__every_steps": 0,
}


def halves(number: int) -> Source:
    """Images of two halves, the upper lit or not, the lower of any brightness: attributes.

    Both have the same slope from left to right, which the attributes do not tell.
    """
    rng = np.random.default_rng(0)
    y = np.stack([rng.integers(0, 2, number), rng.random(number)], axis=1).astype(np.float32)
    slope = 1 + rng.uniform(-0.25, 0.25, (number, 1, 1)) * np.linspace(-1, 1, 8)
    images = (50 + 150 * y.repeat(4, axis=1)[..., None]) * slope
    examples = ArrayExamples(Raw(images.astype(np.uint8)[..., None], y), np.ones(number, bool))
    return Source({"train": examples}, BYTES, 0, "halves", ("Upper", "Lower"))


def _trained(factory, name, **overrides):
    workdir = factory.mktemp(name)
    vae.train(tiny(**LONG | overrides), workdir)
    return vae.load(workdir)


OF_HALVES = {
    "model__likelihood": "gaussian",
    "data__train": "train[:80%]",
    "data__valid": "train[80%:90%]",
    "data__test": "train[90%:]",
}


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A model of the digits, trained long enough to be of use."""
    workdir = tmp_path_factory.mktemp("run")
    config = tiny(
        training__steps=300,
        training__steps_per_call=20,
        log__every_steps=20,
        optimizer__learning_rate=3e-3,
        evaluation__every_steps=0,
        checkpoint__every_steps=300,
    )
    vae.train(config, workdir)
    return vae.load(workdir)


@pytest.fixture
def laid_out(monkeypatch):
    """What tables of images are made of from now on, by the names of the arguments of `table`."""
    seen, table = {}, show.table

    def record(x, event, title, **others):
        seen.update(others, x=x, title=title)
        return table(x, event, title, **others)

    for module in (show, images):
        monkeypatch.setattr(module, "table", record)
    return seen


@pytest.fixture
def halves_read(monkeypatch):
    """Makes `vae.modalities.load` of the digits give halves, as the models of them need."""
    monkeypatch.setattr("vae.modalities.images.digits.read", lambda fit: halves(600))


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """An unconditional model of halves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vae.modalities.images.digits.read", lambda fit: halves(600))
        return _trained(tmp_path_factory, "plain", model__latent_dim=6, **OF_HALVES)


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    """A model of halves that is told their attributes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vae.modalities.images.digits.read", lambda fit: halves(600))
        return _trained(tmp_path_factory, "told", model__condition="attributes", **OF_HALVES)


@pytest.fixture(scope="session")
def ladder(tmp_path_factory):
    """A ladder of three groups on the digits, not trained, for that takes long to compile."""
    config = tiny(
        model__name="ladder",
        model__groups=(2, 1),
        model__encoder_widths=(8, 8),
        model__decoder_widths=(8, 8),
        model__latent_dim=2,
    )
    run = untrained(config, tmp_path_factory.mktemp("ladder"), num_classes=10)
    variables = jax.jit(lambda: run.model.init(key=jax.random.key(0)))()
    keys = jax.random.split(jax.random.key(1), 1000)
    leaves, tree = jax.tree.flatten(variables)  # at the start nothing comes through
    leaves = [x + 0.1 * jax.random.normal(k, x.shape) for x, k in zip(leaves, keys, strict=False)]
    return dataclasses.replace(run, variables=jax.tree.unflatten(tree, leaves))
