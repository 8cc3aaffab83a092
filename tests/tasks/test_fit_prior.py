import dataclasses

import jax
import numpy as np
import pytest
from configs import tiny
from untrained import untrained

import vae
from vae import modalities
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.tasks import descent
from vae.tasks.encodings import encodings
from vae.tasks.fit_prior import FITS, fit_prior
from vae.tasks.sample import sample
from vae.training import kept


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("run")
    # A small beta leaves q(z) far from N(0, I).
    overrides = {
        "objective__beta": 0.1,
        "optimizer__learning_rate": 3e-3,
        "evaluation__every_steps": 0,
        "checkpoint__every_steps": 200,
        "training__steps_per_call": 20,
        "log__every_steps": 20,
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
    x = first_examples(modalities.load(run.config.data), "train", 1000, run.config).x
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
    assert sample(run, num=4, prior=name).paths[0].name == f"samples_{name}_00000200_seed0_num4.png"


def test_a_damaged_file_is_fitted_anew(run):
    fitted = fit_prior(run, "mixture")
    path = run.workdir / "priors" / "mixture_00000200.npz"
    path.write_bytes(path.read_bytes()[:100])
    again = fit_prior(run, "mixture")
    np.testing.assert_array_equal(fitted.p.mean, again.p.mean)


def test_what_was_fitted_to_another_run_is_not_taken_for_this_ones(run, tmp_path):
    """Two runs of one shape and step, which share a directory for what tasks write."""
    params = jax.tree.map(lambda x: 1.5 * x, run.params)
    other = dataclasses.replace(run, variables=run.variables | {"params": params})

    def arrays(run):
        return jax.tree.map(
            np.asarray, jax.tree.leaves((fit_prior(run, "mixture"), encodings(run)))
        )

    def of(run, out):  # nothing of the run's own is there
        return dataclasses.replace(run, workdir=tmp_path / "none", out=out)

    alone = arrays(of(other, tmp_path / "alone"))
    arrays(of(run, tmp_path / "shared"))
    shared = arrays(of(other, tmp_path / "shared"))
    for a, b in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(a, b)

    arrays(run)
    there = dataclasses.replace(other, out=tmp_path / "alone")  # whose own directory has others
    path = kept.place(there, "priors/mixture_00000200.npz", there.source)
    assert path.is_relative_to(tmp_path)


def test_a_file_is_read_for_its_source_and_shape_only(tmp_path):
    path, tree = tmp_path / "a" / "kept.npz", {"x": np.arange(3.0, dtype=np.float32)}
    kept.write(path, tree, "first")
    np.testing.assert_array_equal(kept.read(path, tree, "first")["x"], tree["x"])
    assert kept.read(path, tree, "second") is None
    assert kept.read(path, {"x": np.zeros(4)}, "first") is None
    np.savez(path, tree["x"])  # as before there were sources
    assert kept.read(path, tree, "first") is None and kept.source_of(path) is None


def test_a_prior_of_a_label_has_no_other(tmp_path):
    config = tiny(model__prior="conditional", model__condition="label")
    with pytest.raises(InputError, match="knows no labels"):
        fit_prior(untrained(config, tmp_path, num_classes=10), "flow")


def test_a_metric_is_sampled_from_where_one_was_learned(tmp_path):
    with pytest.raises(InputError, match="has not; "):
        fit_prior(untrained(tiny(), tmp_path), "metric")
    run = untrained(tiny(model__posterior="riemannian_hamiltonian"), tmp_path)
    tracked, found = run.variables["statistics"]["posterior"], fit_prior(run, "metric")
    np.testing.assert_array_equal(found.metric.centroids, tracked["centroids"])
    np.testing.assert_array_equal(found.shift, -tracked["origin"])
