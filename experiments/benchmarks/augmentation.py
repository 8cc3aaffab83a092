"""Does a classifier that has few labelled images get better with new ones that a VAE draws?

A few training images of the digits (or of a run's own data) keep their labels. A classifier learns
from them alone; from them and as many images near them as `--new` says, drawn by the run's VAE
(`vae/modalities/images/tasks/augment.py`), which has seen all training images but no label; and,
for comparison, from them and copies shifted by a pixel or not, which takes no model. Each is
repeated for several choices of the few; the figures are accuracies on the test split.

    python launch.py train --config=experiments/digits.py --workdir=runs/digits
    python experiments/benchmarks/augmentation.py --workdir=runs/digits
"""

import argparse

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

import vae
from vae import modalities
from vae.data.labels import keep
from vae.evaluation.probe import labelled
from vae.modalities.images.tasks.augment import new_images
from vae.tasks.inputs import as_data

CLASSIFIERS = {
    "logistic regression": lambda: LogisticRegression(max_iter=2000),
    "RBF support vectors": lambda: SVC(C=10.0),
}


def shifted(x, num, rng):
    """`num` images of x [N, H, W, C] in turn, each moved by up to a pixel up or down and aside."""
    moves = rng.integers(-1, 2, (num, 2))
    return np.stack([np.roll(x[i % len(x)], move, (0, 1)) for i, move in enumerate(moves)])


def accuracies(train, test):
    """Returns the accuracy of each classifier, trained on (images, labels) and tested on others."""
    (x, y), (test_x, test_y) = train, test
    return [
        make().fit(x.reshape(len(x), -1), y).score(test_x.reshape(len(test_x), -1), test_y)
        for make in CLASSIFIERS.values()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workdir", default="runs/digits")
    parser.add_argument("--few", type=int, nargs="+", default=[20, 50, 100, 200])
    parser.add_argument("--new", type=int, default=1000, help="new images")
    parser.add_argument("--repeats", type=int, default=10)
    arguments = parser.parse_args()
    run = vae.load(arguments.workdir)
    dataset = modalities.load(run.config.data)
    images, labels = labelled(dataset, dataset.train, len(dataset.train))
    test = labelled(dataset, dataset.test, len(dataset.test))
    print(f"{dataset.description}; {arguments.new} new images, {arguments.repeats} repeats")
    for few in arguments.few:
        rows = {"real alone": [], "and drawn by the VAE": [], "and shifted": []}
        for seed in range(arguments.repeats):
            chosen = np.flatnonzero(keep(labels, few, seed=seed) >= 0)
            x, y = images[chosen], labels[chosen]
            new = new_images(run, as_data(x, run), y, arguments.new, seed=seed)
            moved = shifted(x, arguments.new, np.random.default_rng(seed))
            more = np.concatenate([y, new.labels])
            rows["real alone"].append(accuracies((x, y), test))
            rows["and drawn by the VAE"].append(
                accuracies((np.concatenate([x, new.images]), more), test)
            )
            rows["and shifted"].append(accuracies((np.concatenate([x, moved]), more), test))
        for name, found in rows.items():
            mean, error = np.mean(found, 0), np.std(found, 0, ddof=1) / len(found) ** 0.5
            figures = ", ".join(
                f"{classifier} {m:.3f} +- {e:.3f}"
                for classifier, m, e in zip(CLASSIFIERS, mean, error, strict=True)
            )
            print(f"{few:5} {name:22} {figures}")


if __name__ == "__main__":
    main()
