"""A VAE of a table against a Gaussian, a mixture of Gaussians and an isolation forest.

    python launch.py train --config=experiments/tables.py --workdir=runs/benign
    python launch.py train --config=experiments/tables.py:wine --workdir=runs/wine
    python experiments/benchmarks/tables.py --benign=runs/benign --wine=runs/wine

All are fitted to the training rows, standardised; the mixture's number of components, their
covariances and the floor under these are chosen by the log-likelihood of the validation rows, and
the VAE's settings were by its ELBO there; nothing is chosen by the test rows. The figures:

    log p         nats a row of the test set; of the VAE a lower bound, from K samples
    AUROC         of -log p (of the forest, its score) with malignant tumours as outliers
    energy        2 E|x - y| - E|x - x'| - E|y - y'| of 2,000 samples x and the test rows y, an
                  estimate that may be below 0
    1-NN          accuracy of the nearest neighbour, left out in turn, in telling as many samples as
                  there are test rows from these; 0.5 is best (Lopez-Paz and Oquab 2017)
"""

import argparse
import warnings

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

import vae
from vae.evaluation.detection import auroc
from vae.tasks.inputs import read_set

SAMPLES, DRAWS = 2_000, 50
BOOTSTRAP = 2_000


def rows(run):
    """The standardised rows of each split, float64."""
    dataset = run.dataset()
    splits = (dataset.train, dataset.valid, dataset.test)
    return [run.event.values.to_x(split.values).astype(np.float64) for split in splits]


def chosen_mixture(train, valid):
    """The mixture of the highest log-likelihood of the validation rows."""
    fitted = []
    for covariances in ("full", "tied", "diag"):
        for components in (1, 2, 3, 4, 6, 8, 12, 16):
            for floor in (1e-6, 1e-4, 1e-3, 1e-2, 3e-2, 1e-1):
                mixture = GaussianMixture(
                    components,
                    covariance_type=covariances,
                    reg_covar=floor,
                    n_init=3,
                    random_state=0,
                )
                try:
                    fitted.append((mixture.fit(train).score(valid), mixture))
                except ValueError:  # a component has collapsed
                    continue
    return max(fitted, key=lambda pair: pair[0])


def bootstrap(inside, outside, rng):
    """The standard deviation of the AUROC over rows drawn anew from both."""
    figures = [
        auroc(rng.choice(inside, len(inside)), rng.choice(outside, len(outside)))
        for _ in range(BOOTSTRAP)
    ]
    return np.std(figures)


def energy(x, y):
    within = [cdist(a, a).sum() / (len(a) * (len(a) - 1)) for a in (x, y)]  # without themselves
    return 2 * cdist(x, y).mean() - sum(within)


def nearest_neighbour(x, y):
    """The accuracy of the nearest other row in telling x from y, both [N, F]."""
    both, of = np.concatenate([x, y]), np.repeat([0, 1], [len(x), len(y)])
    distances = cdist(both, both)
    np.fill_diagonal(distances, np.inf)
    return (of[distances.argmin(1)] == of).mean()


def standard_error(values):
    return values.std(ddof=1) / np.sqrt(len(values))


def likelihoods(run, title):
    """Prints log p of the test rows under each model, and gives the mixtures."""
    train, valid, test = rows(run)
    number = run.config.evaluation.num_samples
    score, mixture = chosen_mixture(train, valid)
    gaussian = GaussianMixture(1, covariance_type="full", random_state=0).fit(train)
    print(f"\n{title}: {len(train)}, {len(valid)} and {len(test)} rows; the mixture has")
    print(
        f"{mixture.n_components} components, {mixture.covariance_type} covariances, "
        f"reg_covar={mixture.reg_covar:g} (validation {score:.2f})"
    )
    own = run.log_likelihood(test.astype(np.float32), num_samples=number)
    found = {
        f"VAE, K = {number}": own,
        "Gaussian": gaussian.score_samples(test),
        "mixture": mixture.score_samples(test),
    }
    for name, values in found.items():
        line = f"{name:16} log p {values.mean():8.2f} +- {standard_error(values):.2f}"
        if values is not own:
            line += f"   above the VAE {np.mean(values - own):+.2f} +- "
            line += f"{standard_error(values - own):.2f}"
        print(line)
    return gaussian, mixture


def anomalies(run, gaussian, mixture):
    train, _, test = rows(run)
    number = run.config.evaluation.num_samples
    outside = read_set("breast_cancer:malignant", run, 1000).x
    forest = IsolationForest(n_estimators=500, random_state=0).fit(train)

    def nll(x):
        return -run.log_likelihood(x.astype(np.float32), num_samples=number)

    def error(x):
        x = x.astype(np.float32)
        return ((x - run.reconstruct(x)) ** 2).mean(1)

    scores = {
        "VAE, nll": nll,
        "VAE, reconstruction": error,
        "Gaussian": lambda x: -gaussian.score_samples(x),
        "mixture": lambda x: -mixture.score_samples(x),
        "isolation forest": lambda x: -forest.score_samples(x),
    }
    print(f"\n{len(test)} benign test rows against {len(outside)} malignant")
    for name, score in scores.items():
        a, b = score(test), score(outside.astype(np.float64))
        spread = bootstrap(a, b, np.random.default_rng(0))
        print(f"{name:20} AUROC {auroc(a, b):.4f} +- {spread:.4f}")


def samples(run, gaussian, mixture):
    train, _, test = rows(run)
    rng = np.random.default_rng(0)
    drawn = {
        "VAE": run.sample(SAMPLES, draw=True).astype(np.float64),
        "Gaussian": gaussian.sample(SAMPLES)[0],
        "mixture": mixture.sample(SAMPLES)[0],
        "training rows": train,
    }
    print("\nsamples against the test rows")
    for name, x in drawn.items():
        told = [
            nearest_neighbour(x[rng.choice(len(x), len(test), replace=False)], test)
            for _ in range(DRAWS)
        ]
        print(
            f"{name:16} energy {energy(x, test):.4f}   1-NN {np.mean(told):.3f} "
            f"(sd over {DRAWS} draws {np.std(told):.3f})"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--benign", default="runs/benign")
    parser.add_argument("--wine", default="runs/wine")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    benign, wine = vae.load(arguments.benign), vae.load(arguments.wine)
    fitted = likelihoods(benign, "benign tumours")
    anomalies(benign, *fitted)
    samples(benign, *fitted)
    samples(wine, *likelihoods(wine, "wines"))


if __name__ == "__main__":
    main()
