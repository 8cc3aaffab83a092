import jax
import numpy as np
import pytest
from configs import tiny

import vae
from vae import data
from vae.data.transforms import first_images
from vae.errors import InputError
from vae.tasks import descent
from vae.tasks.fit_prior import FITS, fit_prior
from vae.tasks.sample import sample


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    # A small beta leaves q(z) far from N(0, I).
    overrides = {
        "objective__beta": 0.1,
        "optimizer__learning_rate": 3e-3,
        "evaluation__every_steps": 0,
        "checkpoint__every_steps": 200,
    }
    vae.train(tiny(training__steps=200, **overrides), workdir)
    return vae.load(workdir)


def energy_distance(a, b):
    """2 E|a - b| - E|a - a'| - E|b - b'|, which is 0 for samples of one distribution only."""

    def mean(a, b):
        return np.linalg.norm(a[:, None] - b, axis=-1).mean()

    return 2 * mean(a, b) - mean(a, a) - mean(b, b)


@pytest.mark.parametrize("name", FITS)
def test_samples_are_closer_to_the_aggregate_posterior_than_the_priors(run, name, monkeypatch):
    monkeypatch.setattr(descent, "LOOKS", 3)
    x = first_images(data.load(run.config.data), "train", 1000, run.config).x
    keys = jax.random.split(jax.random.key(0), len(x))
    z = np.asarray(run.encode(x).sample_and_log_prob(keys=keys[None])[0][0])
    keys = jax.random.split(jax.random.key(1), 1000)
    standard = np.asarray(run.model.sample(run.variables, keys=keys))
    fitted = fit_prior(run, name)
    distance = energy_distance(z, np.asarray(fitted.sample(keys=keys)))
    assert distance < 0.25 * energy_distance(z, standard)

    path = run.workdir / "priors" / f"{name}_00000200.npz"
    written = path.stat().st_mtime_ns
    again = fit_prior(run, name)
    assert path.stat().st_mtime_ns == written
    images = run.sample(4, prior=fitted)
    np.testing.assert_array_equal(images, run.sample(4, prior=again))
    assert not np.array_equal(images, run.sample(4))
    assert sample(run, num=4, prior=name).name == f"samples_{name}_00000200_seed0_num4.png"


def test_a_damaged_file_is_fitted_anew(run):
    fitted = fit_prior(run, "mixture")
    path = run.workdir / "priors" / "mixture_00000200.npz"
    path.write_bytes(path.read_bytes()[:100])
    again = fit_prior(run, "mixture")
    np.testing.assert_array_equal(fitted.p.mean, again.p.mean)


def test_a_prior_of_a_label_has_no_other(run):
    with run.config.unlocked():
        kept, run.config.model.prior = run.config.model.prior, "conditional"
    try:
        with pytest.raises(InputError, match="knows no labels"):
            fit_prior(run, "flow")
    finally:
        run.config.model.prior = kept
