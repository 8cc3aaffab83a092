"""What is told of a run before it is trained."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny

from vae.dry_run import _data, dry_run
from vae.modalities.images import faces
from vae.models.calls import noted
from vae.networks.dynamics import Step
from vae.training.flops import flops


def counted(function, *shapes):
    return flops(jax.make_jaxpr(function)(*(np.zeros(shape, np.float32) for shape in shapes)))


def test_operations_of_products_and_convolutions():
    assert counted(jnp.matmul, (5, 3, 4), (5, 4, 7)) == 2 * 5 * 3 * 4 * 7

    def convolution(x, w, holes=(1, 1), groups=1):
        numbers = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(
            *(x, w, (1, 1), [(1, 1), (1, 1)]),
            lhs_dilation=holes,
            dimension_numbers=numbers,
            feature_group_count=groups,
        )

    assert counted(convolution, (2, 8, 8, 3), (3, 3, 3, 5)) == 2 * 2 * 8 * 8 * 5 * 9 * 3
    by_channel = counted(lambda x, w: convolution(x, w, groups=4), (2, 8, 8, 4), (3, 3, 1, 4))
    assert by_channel == 2 * 2 * 8 * 8 * 4 * 9
    # A quarter of the 9 factors of an output meet numbers, the rest the zeros between them.
    transposed = counted(lambda x, w: convolution(x, w, (2, 2)), (2, 8, 8, 3), (3, 3, 3, 5))
    assert transposed == 2 * 2 * 15 * 15 * 5 * 9 * 3 // 4


def test_operations_of_loops_branches_and_gradients():
    def looped(x, w):
        return jax.lax.scan(lambda x, _: (x @ w, None), x, length=6)[0]

    assert counted(looped, (3, 4), (4, 4)) == 6 * 2 * 3 * 4 * 4

    def branched(x, w):
        return jax.lax.cond(x[0, 0] > 0, lambda: x @ w @ w, lambda: x @ w)

    assert counted(branched, (3, 4), (4, 4)) == 2 * 2 * 3 * 4 * 4
    gradients = jax.jit(jax.grad(lambda x, w: (x @ w).sum(), argnums=(0, 1)))
    assert counted(gradients, (3, 4), (4, 5)) >= 2 * 2 * 3 * 4 * 5


def test_a_dry_run_tells_parameters_shapes_memory_and_time_and_writes_nothing(tmp_path):
    text, figures = dry_run(tiny(training__steps=2000), tmp_path / "run")
    assert not list(tmp_path.iterdir())
    # 64 pixels - 16 units - 4 means and 4 scales; 4 latents - 16 units - 64 pixels; one scale.
    encoder, decoder = 64 * 16 + 16 + 16 * 8 + 8, 4 * 16 + 16 + 16 * 64 + 64
    assert figures["parts"] == {
        **{"encoder": encoder, "decoder": decoder, "likelihood": 1},
        **dict.fromkeys(("posterior", "prior"), 0),
    }
    calls = {call["part"]: (call["takes"], call["gives"]) for call in figures["calls"]}
    assert calls["encoder"] == (((32, 8, 8, 1),), ((32, 8),))
    assert calls["decoder"] == (((1, 32, 4),), ((1, 32, 8, 8, 1),))
    # Weights, their average and Adam's two moments; each device has as many examples.
    assert figures["state_bytes"] == pytest.approx(4 * 4 * (encoder + decoder + 1), rel=0.02)
    examples, weights = 32 / jax.device_count(), 64 * 16 + 16 * 8 + 4 * 16 + 16 * 64
    products = examples * (3 * 2 * weights - 2 * 64 * 16)  # forward, and back but to the pixels
    norm = 2 * (encoder + decoder + 1)
    assert figures["gflops_per_step"] * 1e9 == pytest.approx(products + norm)
    assert figures["training_seconds"] == pytest.approx(2000 * figures["seconds_per_step"])
    assert figures["test_samples"] == 4 and figures["validations"] == 200
    for said in ("encoder", "[32, 8, 8, 1]", f"{encoder + decoder + 1:,}", "2,000 steps"):
        assert said in text


def test_a_few_faces_stand_for_all_that_training_draws_first(monkeypatch):
    drawn = []
    monkeypatch.setattr(faces, "render", lambda y, size: drawn.append(len(y)) or np.zeros(0))
    monkeypatch.setattr(
        faces, "fit_images", lambda x, fit: np.full((drawn[-1], 8, 8, 3), 7, np.uint8)
    )
    config = tiny(data__name="faces", data__image_size=(8, 8), data__train="train[:5000]").data
    found = _data(config)
    assert sum(drawn) < 500 and found.train.table().values.shape == (5000, 8, 8, 3)
    assert [len(found.valid), len(found.test)] == [10_000, 10_000]
    config.device_bytes = 1000
    assert _data(config).train.table() is None


def test_what_is_asked_of_a_network_without_its_parameters_is_no_call():
    with noted({}) as seen:
        assert Step((3,)).blank(1, 2)[0].shape == (1, 3)
    assert not seen
