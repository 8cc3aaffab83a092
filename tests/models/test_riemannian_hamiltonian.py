"""The Riemannian Hamiltonian posterior: its metric over several devices, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import checked, facts
from jax.sharding import PartitionSpec as P

from vae.errors import InputError
from vae.probability.distributions import example_keys, sample_keys
from vae.probability.terms import Batch
from vae.training.devices import AXIS

DATA = facts(np.full((4, 4, 1), 0.5))
NAMED = {"model__posterior": "riemannian_hamiltonian", "model__posterior_flows": 2}


@pytest.mark.slow
def test_several_devices_have_one_metric():
    model = checked(tiny(**NAMED), DATA)
    variables = model.init(key=jax.random.key(0))
    x = np.random.default_rng(0).uniform(size=(16, 4, 4, 1)).astype(np.float32)
    keys = sample_keys(example_keys(jax.random.key(1), np.arange(16)), 1)

    def step(params, x, keys, axis):
        def loss(params):
            given = variables | {"params": params}
            terms = model.terms(given, Batch(x), keys=keys, train=True, axis=axis)
            weights = terms.log_px + terms.log_pz - terms.log_qz
            return -weights.mean(), terms.statistics["posterior"]

        (loss, statistics), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        found = loss, statistics, gradient
        return found if axis is None else jax.lax.pmean(found, axis)

    params = variables["params"]
    expected = jax.jit(lambda *given: step(*given, None))(params, x, keys)
    mapped = jax.shard_map(
        lambda *given: step(*given, AXIS),
        mesh=jax.make_mesh((4,), (AXIS,), axis_types=(jax.sharding.AxisType.Auto,)),
        in_specs=(P(), P(AXIS), P(None, AXIS)),
        out_specs=P(),
        check_vma=False,
    )
    found = jax.jit(mapped)(params, x, keys)
    assert jnp.abs(expected[1]["factors"][:16]).max() > 0.1
    for several, one in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(several, one, rtol=1e-3, atol=1e-4)


def test_micro_batches_and_classes_are_refused():
    with pytest.raises(InputError, match="keeps their examples"):
        checked(tiny(**NAMED, training__accumulate=2), DATA)
    with pytest.raises(InputError, match="one for each class"):
        checked(tiny(**NAMED, model__name="semi_supervised", data__labelled=100), DATA)
