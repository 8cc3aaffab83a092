"""Quantizers against numpy, the prior over codes against enumeration, the model's bound."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from configs import tiny
from facts import checked, facts
from jax.sharding import AxisType, Mesh
from jax.sharding import PartitionSpec as P

from vae import models
from vae.errors import InputError
from vae.models.code_prior import CodePrior
from vae.models.parts import part
from vae.models.quantizers import Codebook, Scalars
from vae.networks.transformer import Transformer
from vae.probability.terms import Batch
from vae.training import devices

DATA = facts(np.full((8, 8, 1), 0.5), num_classes=10)


def codebook(codes, usage):
    codes, usage = np.asarray(codes, np.float32), np.asarray(usage, np.float32)
    book = Codebook(codes.shape[1], len(codes), commitment=0.25)
    return book, {"params": {}, "statistics": {"usage": usage, "sums": usage[:, None] * codes}}


def model_of(**overrides):
    config = tiny(
        model__codebook_size=5,
        model__levels=(3, 2),
        model__num_latents=3,
        model__transformer_width=4,
        model__transformer_layers=1,
        **overrides,
    )
    return models.build(config.model, DATA)


@pytest.fixture(scope="module")
def vq():
    model = model_of(model__name="vq")
    x = np.random.default_rng(0).integers(0, 17, (4, 8, 8, 1)) / np.float32(16)
    return model, jax.jit(model.init)(key=jax.random.key(1)), Batch(x)


def test_the_nearest_code_is_chosen():
    rng = np.random.default_rng(0)
    codes, u = rng.normal(size=(7, 3)), rng.normal(size=(2, 5, 3))
    book, variables = codebook(codes, np.full(7, 0.1))
    chosen = book.nearest(jnp.asarray(u, jnp.float32), variables)
    expected = ((u[..., None, :] - codes) ** 2).sum(-1).argmin(-1)
    np.testing.assert_array_equal(chosen, expected)
    np.testing.assert_allclose(book.look_up(chosen, variables), codes[expected], rtol=1e-5)


def test_the_averages_move_by_hand():
    codes = [[0.0, 1.0], [2.0, 0.0]]
    book, variables = codebook(codes, [0.5, 0.5])
    u = jnp.array([[1.0, 1.0], [3.0, 0.0], [2.0, 2.0], [1.5, 0.5]])
    new = book.update(u, jnp.array([0, 1, 1, 1]), variables)
    usage = [0.99 * 0.5 + 0.01 * 0.25, 0.99 * 0.5 + 0.01 * 0.75]
    sums = [[0.01 * 0.25, 0.99 * 0.5 + 0.01 * 0.25], [0.99 + 0.01 * 6.5 / 4, 0.01 * 2.5 / 4]]
    np.testing.assert_allclose(new["usage"], usage, rtol=1e-5)
    np.testing.assert_allclose(new["sums"], sums, rtol=1e-5)


def test_two_devices_learn_the_codebook_of_one():
    book = Codebook(2, 8, commitment=0.25)
    start = book.init(key=jax.random.key(0))
    u = np.random.default_rng(0).normal(3, 1, (20, 16, 2)).astype(np.float32)

    def update(statistics, u):
        variables = {"params": {}, "statistics": statistics}
        new = book.update(u, book.nearest(u, variables), variables)
        return jax.lax.pmean(new, devices.AXIS)

    learned = []
    for num in (1, 2):
        mesh = Mesh(np.array(jax.devices()[:num]), (devices.AXIS,), axis_types=(AxisType.Auto,))
        mapped = devices.map_shards(update, mesh, (P(), P(devices.AXIS)), P())
        statistics = devices.replicate(start["statistics"], mesh)
        for batch in u:
            statistics = mapped(statistics, devices.shard(batch, mesh, P(devices.AXIS)))
        learned.append(jax.device_get(book.codes(statistics)))
    np.testing.assert_allclose(learned[0], learned[1], rtol=1e-3)
    assert learned[0].min() > 0  # from N(0, I): the dead codes have moved to the data


def test_a_dead_code_takes_half_of_the_most_used_cell():
    book, variables = codebook([[0.0, 1.0], [5.0, 5.0], [2.0, 0.0]], [0.6, 1e-3, 0.4])
    revived = book.revive(variables["statistics"])
    np.testing.assert_allclose(revived["usage"], [0.3, 0.3, 0.4], rtol=1e-5)
    codes = book.codes(revived)
    np.testing.assert_allclose(codes, [[0.0, 1.0], [0.05, 1.04], [2.0, 0.0]], atol=1e-5)
    again = book.revive(revived)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), again, revived)


def test_all_codes_find_the_data():
    book = Codebook(2, 16, commitment=0.25)
    variables = book.init(key=jax.random.key(0))
    u = 7 + 0.1 * jax.random.normal(jax.random.key(1), (256, 2))
    nearest = jax.jit(lambda v: book.nearest(u, v))
    update = jax.jit(lambda v: book.update(u, nearest(v), v))
    for _ in range(300):
        variables = variables | {"statistics": update(variables)}
    chosen = nearest(variables)
    assert len(np.unique(chosen)) == 16
    error = jnp.mean((book.look_up(chosen, variables) - u) ** 2)
    assert error < 0.01 * 0.15  # of the variance, which the best 16 codes bring to about a tenth


def test_every_combination_of_levels_is_a_code():
    scalars = Scalars((4, 3, 2))
    assert (scalars.size, scalars.num_codes) == (3, 24)
    nothing = scalars.init(key=jax.random.key(0))
    vectors = scalars.look_up(jnp.arange(24), nothing)
    np.testing.assert_array_equal(scalars.nearest(vectors, nothing), jnp.arange(24))
    expected = itertools.product((-1, 1), (-1, 0, 1), (-1, -1 / 3, 1 / 3, 1))
    np.testing.assert_allclose(vectors, [v[::-1] for v in expected], atol=1e-6)

    e = jnp.array([[-100.0, 100.0, 0.01], [100.0, -100.0, -0.01], [0.1, 0.1, 0.1]])
    nearest = scalars.look_up(scalars.nearest(scalars.bound(e), nothing), nothing)
    np.testing.assert_allclose(nearest, [[-1, 1, 1], [1, -1, -1], [1 / 3, 0, 1]], atol=1e-6)
    many = 2 * jax.random.normal(jax.random.key(1), (2000, 3))
    assert len(np.unique(scalars.nearest(scalars.bound(many), nothing))) == 24


def prior():
    prior = CodePrior(Transformer(vocabulary=2, length=3, width=8, layers=1))
    variables = jax.jit(prior.init)(key=jax.random.key(0))
    head = variables["params"]["head"]
    head["kernel"] = jax.random.normal(jax.random.key(1), head["kernel"].shape)
    return prior, variables


def test_the_prior_is_a_distribution_and_its_samples_have_it():
    prior_, variables = prior()
    sequences = jnp.array(list(itertools.product((0, 1), repeat=3)))
    probabilities = np.exp(jax.jit(prior_.log_prob)(sequences, variables))
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert probabilities.std() > 0.02
    keys = jax.random.split(jax.random.key(2), 4000)
    drawn = np.asarray(jax.jit(prior_.sample)(variables, keys=keys))
    frequencies = np.bincount(drawn @ [4, 2, 1], minlength=8) / 4000
    np.testing.assert_allclose(frequencies, probabilities, atol=0.03)


def test_a_new_prior_is_uniform():
    model = model_of(model__name="fsq")
    variables = part(jax.jit(model.init)(key=jax.random.key(0)), "prior")
    log_prob = jax.jit(model.code_prior.log_prob)(jnp.array([[0, 5, 2]]), variables)
    np.testing.assert_allclose(log_prob, [-3 * np.log(6)], rtol=1e-5)


def test_the_bound_is_that_of_the_codes(vq):
    model, variables, batch = vq
    keys = jax.random.split(jax.random.key(2), (2, 4))
    terms = jax.jit(model.terms)(variables, batch, keys=keys)
    q = jax.jit(model.encode)(variables, batch)
    assert q.codes.shape == (4, 3) and q.mean.shape == (4, 3, 4)

    @jax.jit
    def apart(q):
        z = jnp.moveaxis(q.mean, -1, 1).reshape(len(q.mean), -1)
        outputs = model.emission.outputs(variables, z)
        log_px = model.likelihood.log_prob(outputs, batch.x, part(variables, "likelihood"))
        log_pz = model.code_prior.log_prob(q.codes, part(variables, "prior"))
        return log_px, log_pz, model._encode(variables, batch)

    log_px, log_pz, u = apart(q)
    np.testing.assert_allclose(terms.log_px, [log_px] * 2, rtol=1e-4)
    np.testing.assert_allclose(terms.log_pz, [log_pz] * 2, rtol=1e-5)
    assert terms.log_qz.shape == (2, 4) and not terms.log_qz.any()
    expected = 0.25 * ((u - q.mean) ** 2).sum((1, 2))
    np.testing.assert_allclose(terms.losses["commitment"], expected, rtol=1e-4)


def test_the_gradient_passes_straight_through(vq):
    model, variables, batch = vq
    keys = jax.random.split(jax.random.key(2), (1, 4))

    def log_px(params):
        return model.terms({**variables, "params": params}, batch, keys=keys).log_px.sum()

    gradient = jax.jit(jax.grad(log_px))(variables["params"])["encoder"]

    def of_z(z):
        z = jnp.moveaxis(z, -1, 1).reshape(len(z), -1)
        outputs = model.emission.outputs(variables, z)
        return model.emission.log_prob(variables, outputs, batch).sum()

    slope = jax.jit(jax.grad(of_z))(model.encode(variables, batch).mean)

    def of_encoder(encoder):
        changed = {**variables, "params": {**variables["params"], "encoder": encoder}}
        return jnp.vdot(model._encode(changed, batch), slope)

    expected = jax.jit(jax.grad(of_encoder))(variables["params"]["encoder"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3), gradient, expected)


def test_the_prior_moves_nothing_but_itself(vq):
    model, variables, batch = vq
    keys = jax.random.split(jax.random.key(2), (1, 4))

    def log_pz(params):
        return model.terms({**variables, "params": params}, batch, keys=keys).log_pz.sum()

    gradient = jax.jit(jax.grad(log_pz))(variables["params"])
    moved = {name for name, g in gradient.items() if any(x.any() for x in jax.tree.leaves(g))}
    assert moved == {"prior"}


def test_a_grid_gives_each_code_a_place():
    grid = {"model__encoder": "grid", "model__decoder": "grid", "model__encoder_widths": (4, 4)}
    model = model_of(model__name="fsq", model__decoder_widths=(4, 4), **grid)
    variables = jax.jit(model.init)(key=jax.random.key(0))
    q = jax.jit(model.encode)(variables, Batch(np.full((3, 8, 8, 1), 0.5)))
    assert q.codes.shape == (3, 2, 2) and q.mean.shape == (3, 2, 2, 2)
    z = jax.jit(model.sample)(variables, keys=jax.random.split(jax.random.key(2), 5))
    assert jax.jit(model.decode)(variables, z).shape == (5, 8, 8, 1)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"model__name": "vq", "model__transformer_width": 6}, "must be a multiple of 4"),
        ({"model__encoder": "grid"}, "has 4x4 positions, which do not divide the 4 numbers"),
        (
            {
                "model__encoder": "grid",
                "model__decoder": "grid",
                "model__latent_dim": 16,
                "model__decoder_widths": (4, 4),
            },
            "has 4x4 positions and that of model.decoder='grid' 2x2, but z has one",
        ),
        (
            {
                "model__encoder": "spatial",
                "model__decoder": "grid",
                "model__latent_dim": 16,
            },
            "model.encoder='spatial' has 8x8 positions and that of model.decoder='grid' 4x4",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_go_together_is_refused(overrides, message):
    with pytest.raises(InputError, match=message):
        checked(tiny(**overrides), DATA)
