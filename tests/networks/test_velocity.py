import jax
import jax.numpy as jnp
import pytest

from vae.networks.velocity import UNet


@pytest.mark.parametrize("grid", [(5,), (1, 7, 4)])
def test_a_u_net_takes_grids_of_any_rank_and_size(grid):
    x, code = jnp.zeros((2, *grid, 3)), jnp.zeros((2, 4))
    network = UNet((4, 8), blocks=1)
    made, _ = jax.eval_shape(network.init_with_output, jax.random.key(0), x, code[:, 0], code)
    assert made.shape == x.shape
