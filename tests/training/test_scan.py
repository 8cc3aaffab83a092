import jax
import jax.numpy as jnp
import numpy as np

from vae.training.devices import scan


def body(carry, x):
    return carry * x["a"] + 1, {"carry": carry, "none": None}


def test_written_out_it_is_the_scan_of_jax():
    xs = {"a": jnp.arange(1.0, 5.0)}
    carry, outputs = jax.jit(lambda xs: scan(body, jnp.float32(2.0), xs))(xs)
    expected, expected_outputs = jax.lax.scan(body, jnp.float32(2.0), xs)
    np.testing.assert_allclose(carry, expected)
    np.testing.assert_allclose(outputs["carry"], expected_outputs["carry"])
    text = jax.jit(lambda xs: scan(body, jnp.float32(2.0), xs)).lower(xs).as_text()
    assert "while" not in text
