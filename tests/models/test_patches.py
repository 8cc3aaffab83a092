"""The adversary of a first stage: windows, a late start, and the balance of its gradient."""

import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from drawn import drawn
from facts import checked, facts
from untrained import small
from variables import random_variables

from vae import experiment, models
from vae.data.batches import HostBatch
from vae.data.examples import Raw
from vae.errors import InputError
from vae.models.losses.balance import balanced
from vae.networks.discriminators import PatchDiscriminator
from vae.probability.distributions import sample_keys
from vae.probability.event import Values
from vae.probability.terms import Batch
from vae.training.state import initial_state
from vae.training.step import make_step

VALUES = Values("levels", 16.0, 17)
DATA = facts(np.full((8, 8, 1), 0.5), num_classes=3)
RAW = np.random.default_rng(0).integers(0, 17, (4, 8, 8, 1)).astype(np.uint8)
KEYS = sample_keys(jax.random.split(jax.random.key(1), 4), 2)
PATCHES = {
    "model__likelihood": "laplace",
    "model__adversary": "patches",
    "model__discriminator_widths": (4,),
    "data__batch_size": 4,
}


def built(**overrides):
    config = tiny(**PATCHES | overrides)
    return config, models.build(config.model, DATA)


def test_a_logit_is_of_its_window_and_the_loss_their_mean():
    module, x = PatchDiscriminator((4,)), jax.random.uniform(jax.random.key(0), (2, 16, 16, 1))
    variables, apply = random_variables(module, x), jax.jit(module.apply)
    logits = apply(variables, x)[1].reshape(2, 8, 8)
    changed = apply(variables, x.at[:, :2, :2].add(1.0))[1].reshape(2, 8, 8)
    np.testing.assert_array_equal(changed[:, 3:], logits[:, 3:])
    assert (changed[:, 0, 0] != logits[:, 0, 0]).all()


def test_the_balance_is_that_of_two_gradients():
    """Against the gradients of the two losses, each taken by itself."""
    weight = 0.5
    _, model = built(model__adversarial_weight=weight, model__adversarial_balance=True)
    variables = small(model)
    (adversary,), batch = model.losses, Batch(RAW / np.float32(16), None)

    def explicit():
        z = model.terms(variables, batch, keys=KEYS, train=True).z
        outputs = model.emission.outputs(variables, *model.inputs(variables, z, None))
        own = {kind: parts["discriminator"] for kind, parts in variables.items()}

        def adversarial(outputs):
            given = drawn(batch=batch, judged=outputs, likelihood=model.likelihood)
            return adversary.charge(own, given).losses["adversarial"].mean()

        def rest(outputs):
            return -model.emission.log_prob(variables, outputs, batch).mean()

        return jax.grad(rest)(outputs), jax.grad(adversarial)(outputs)

    def loss(bias):
        head = variables["params"]["decoder"]["head"] | {"bias": bias}
        params = variables["params"] | {"decoder": variables["params"]["decoder"] | {"head": head}}
        terms = model.terms(variables | {"params": params}, batch, keys=KEYS, train=True)
        return terms.losses["adversarial"].mean() - terms.log_px.mean()

    rest, adversarial = map(np.asarray, jax.jit(explicit)())
    scaled = weight * np.linalg.norm(rest) / np.linalg.norm(adversarial) * adversarial
    found = jax.jit(jax.grad(loss))(variables["params"]["decoder"]["head"]["bias"])
    expected = (rest + scaled).sum((0, 1)).reshape(-1)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_the_balance_is_of_the_whole_batch():
    """Each of two shards scales by the norms over both; nothing is scaled where nothing comes."""
    x = jax.random.normal(jax.random.key(0), (2, 3, 5))
    weights = jax.random.normal(jax.random.key(1), (2, 2, 3, 5))

    @functools.partial(jax.jit, static_argnums=2)
    def slope(x, weights, axis):
        def loss(x):
            own, judged = balanced(x, 2.0, axis)
            return jnp.vdot(own, weights[0]) + jnp.vdot(judged, weights[1])

        return jax.grad(loss)(x)

    scale = 2 * np.linalg.norm(weights[0]) / np.linalg.norm(weights[1])
    whole = slope(x, weights, None)
    np.testing.assert_allclose(whole, weights[0] + scale * weights[1], rtol=1e-5)
    shards = jax.vmap(lambda *given: slope(*given, "shards"), (0, 1), axis_name="shards")
    np.testing.assert_allclose(shards(x, weights), whole, rtol=1e-5)
    np.testing.assert_array_equal(slope(x, weights.at[1].set(0), None), weights[0])
    np.testing.assert_array_equal(slope(x, weights.at[0].set(0), None), 0)


@pytest.mark.slow
def test_before_its_start_an_adversary_changes_nothing():
    """Its first step is that of the number `adversarial_start`, also after a stop."""
    batch = HostBatch(np.arange(4)[None], Raw(RAW[None], np.zeros((1, 4), np.int32)))

    def states(**overrides):
        config, model = built(**overrides)
        step = jax.jit(make_step(model, config, VALUES, num_examples=4, axis=None))
        found = [jax.jit(lambda: initial_state(model, config))()]
        for _ in range(3):
            found.append(step(found[-1], batch, None)[0])
        return [state.params for state in found]

    with_it = states(model__adversarial_start=2, model__adversarial_balance=True)
    without = states(model__adversary="none", model__discriminator_widths=(64, 128, 256))

    def same(a, b):
        leaves = zip(*map(jax.tree.leaves, (a, b)), strict=True)
        return all(np.allclose(x, y, rtol=1e-5, atol=1e-6) for x, y in leaves)

    judges = [params.pop("discriminator") for params in with_it]
    assert same(with_it[:3], without[:3]) and not same(with_it[3], without[3])
    assert same(judges[0], judges[2]) and not same(judges[2], judges[3])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"model__adversary": "images", "model__similarity": True}, "needs a trained"),
        ({"model__adversary": "images", "model__adversarial_balance": True}, "only with patches"),
        ({"model__name": "gan", "model__adversary": "images"}, "must be 0 with"),
    ],
)
def test_what_does_not_go_together_is_refused(overrides, message):
    config = tiny(model__adversarial_start=5, model__scale="fixed", **overrides)
    if config.model.name == "gan":
        config = tiny(
            model__adversarial_start=5,
            model__encoder_widths=(512,),
            model__likelihood="bernoulli",
            **overrides,
        )
    with pytest.raises(InputError, match=message):
        checked(config, DATA)


def test_a_model_that_stands_may_have_no_adversary_yet(monkeypatch):
    config, model = built()
    config.training.pretrained = "runs/first"
    variables = small(model)

    def started_from(*missing):
        there = {c: {n: v[n] for n in v if n not in missing} for c, v in variables.items()}
        monkeypatch.setattr(experiment, "load", lambda workdir: SimpleNamespace(variables=there))
        return experiment._pretrained(config, model, ())

    assert variables["params"].keys() - started_from("discriminator")["params"] == {"discriminator"}
    with pytest.raises(InputError, match=r"params\.decoder\.\S+ is missing there"):
        started_from("decoder")


@pytest.mark.slow
def test_it_goes_with_micro_batches_remat_and_16_bits():
    spatial = {"model__encoder": "spatial", "model__decoder": "spatial", "model__latent_dim": 64}
    config, model = built(
        model__adversarial_start=1,
        model__adversarial_balance=True,
        model__dtype="bfloat16",
        model__remat=True,
        training__accumulate=2,
        **spatial,
        model__encoder_widths=(4,),
        model__decoder_widths=(4,),
    )
    step = jax.jit(make_step(model, config, VALUES, num_examples=4, axis=None))
    batch = HostBatch(np.arange(4)[None], Raw(RAW[None], np.zeros((1, 4), np.int32)))
    state = jax.jit(lambda: initial_state(model, config))()
    for _ in range(2):
        before, (state, report) = state.params, step(state, batch, None)
    assert report.metrics.compute()["discriminator"] > 0 and not report.guard.skipped
    assert state.statistics["discriminator"]["updates"] == 2
    moved = jax.tree.map(lambda a, b: np.any(a != b), before, state.params)
    assert all(map(np.all, jax.tree.leaves(moved["discriminator"])))
