"""The network of a recurrent prior: from latents at one place of time to those at the next.

It expects the numbers m_t, sees z_t, and expects

    m_{t+1} = m_t + g (z_t - m_t) + v_{t+1} + d,    v_{t+1} = v_t + h (z_t - m_t) + a,

where GRU layers that read z_t, z_t - m_t and v_t, and a dense layer that reads these beside them,
give the gains g and h, between 0 and 1, and the changes d and a, for each number. So what stays the
same, such as which object is seen, needs nothing of the network, nor does what moves on as it
moved. Gains below 1 take the noise of single latents out, as Kalman's filter does.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from vae.networks.blocks import HE, SMALL

Array = jax.Array

SLOW = -2.0  # the logit of h at the start: what moves is not known from one place of time


class Step(nn.Module):
    """(memory, z [N, E]) to (memory, [N, 2 E]), the mean and log std of the next z.

    The memory is what the GRU layers keep, m and v.

    Attributes:
      widths: the widths of the GRU layers; the dense one is as wide as the last.
    """

    widths: tuple[int, ...]

    def blank(self, number: int, channels: int) -> tuple[Array, ...]:
        """Returns the memory before the first place, for so many rows of E numbers."""
        return tuple(jnp.zeros((number, width)) for width in (*self.widths, channels, channels))

    @nn.compact
    def __call__(self, memory: tuple[Array, ...], z: Array) -> tuple[tuple[Array, ...], Array]:
        *states, mean, velocity = memory
        error, grown = z - mean, []
        h = seen = jnp.concatenate([z, error, velocity], -1)
        for layer, (width, state) in enumerate(zip(self.widths, states, strict=True)):
            state, h = nn.GRUCell(width, name=f"layer_{layer}")(state, h)
            grown.append(state)
        h = nn.relu(nn.Dense(self.widths[-1], kernel_init=HE)(jnp.concatenate([h, seen], -1)))
        outputs = nn.Dense(5 * z.shape[-1], kernel_init=SMALL, name="head")(h)
        change, turn, gain, hold, log_std = jnp.split(outputs, 5, -1)
        velocity = velocity + nn.sigmoid(hold + SLOW) * error + turn
        mean = mean + nn.sigmoid(gain) * error + velocity + change
        return (*grown, mean, velocity), jnp.concatenate([mean, log_std], -1)
