"""`vae fidelity` beside torch-fidelity: the Inception network's outputs, and the metrics.

The network has random weights, which PyTorch writes into a file of each of its forms, and
TensorFlow (where it is installed) into a frozen graph. torch-fidelity's network and ours read them
and see the same images of several sizes. The metrics are those of one pair of sets of features and
of one set of logits; density and coverage are compared with their authors' code, `prdc`.

    peers/bin/pip install torch==2.13.0 torchvision torch-fidelity==0.4.0 prdc
    python experiments/benchmarks/fidelity.py --peer_python=peers/bin/python
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import measure
import numpy as np

SIZES = ((32, 32), (64, 48), (299, 299), (400, 333))
PER_SIZE = 4
DEPTHS = ("64", "192", "768", "2048")  # as torch-fidelity names its features
DIMENSIONS, SCALE, NUMBERS, REPEATS = 32, 1.2, (40, 64, 128, 512), 100
LARGEST = 1e-4  # difference of features, relative to the largest
LARGEST_METRIC = 1e-6  # relative difference of metrics, some of which are float32 there


def images(size: tuple[int, int]) -> np.ndarray:
    """Returns images [N, H, W, 3] as bytes: sums of waves, with some noise."""
    rng = np.random.default_rng(size)
    rows, columns = (np.arange(n)[:, None] / n for n in size)
    x = np.zeros((PER_SIZE, *size, 3))
    for n in range(1, 6):
        phases = rng.uniform(0, 2 * np.pi, (2, PER_SIZE, 1, 1, 3))
        waves = np.sin(2 * np.pi * n * rows[:, None] + phases[0])
        x += waves * np.sin(2 * np.pi * n * columns + phases[1]) / n
    return np.clip(128 + 80 * x + rng.normal(0, 10, x.shape), 0, 255).astype(np.uint8)


def features() -> tuple[np.ndarray, np.ndarray]:
    """Returns two overlapping sets of features [N, F]."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(64, 64)) / 8
    return rng.normal(size=(400, 64)) @ mix, 0.2 + 1.1 * rng.normal(size=(400, 64)) @ mix


def logits() -> np.ndarray:
    return 3 * np.random.default_rng(0).normal(size=(1003, 20))


def random_weights() -> dict[str, np.ndarray]:
    """Returns a state dictionary of the reference, drawn so that no layer dies."""
    from vae.networks import inception

    rng = np.random.default_rng(0)
    found = {}
    for name, _, (*taps, inputs, outputs) in inception.convolutions():
        scale = np.sqrt(2 / (np.prod(taps) * inputs))
        found[f"{name}.conv.weight"] = scale * rng.normal(size=(outputs, inputs, *taps))
        found[f"{name}.bn.weight"] = rng.uniform(0.8, 1.2, outputs)
        found[f"{name}.bn.bias"] = 0.1 * rng.normal(size=outputs)
        found[f"{name}.bn.running_mean"] = 0.1 * rng.normal(size=outputs)
        found[f"{name}.bn.running_var"] = rng.uniform(0.5, 1.5, outputs)
    found["fc.weight"] = 0.1 * rng.normal(size=(inception.NUM_CLASSES, inception.FEATURES))
    found["fc.bias"] = rng.normal(size=inception.NUM_CLASSES)
    return {name: value.astype(np.float32) for name, value in found.items()}


def write_graph(weights: dict[str, np.ndarray], path: Path) -> None:
    """Writes the same weights as TensorFlow freezes them."""
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.python.framework.tensor_util import make_tensor_proto

    from vae.networks import inception, inception_weights

    graph = GraphDef()
    graph.node.add(name="DecodeJpeg/contents", op="Const").attr["value"].tensor.CopyFrom(
        make_tensor_proto(b"")
    )

    def add(name: str, value: np.ndarray) -> None:
        graph.node.add(name=name, op="Const").attr["value"].tensor.CopyFrom(
            make_tensor_proto(np.ascontiguousarray(value))
        )

    for name, place, _ in inception.convolutions():
        add(f"{place}/conv2d_params", weights[f"{name}.conv.weight"].transpose(2, 3, 1, 0))
        for here, there in zip(inception_weights.TORCH, inception_weights.GRAPH, strict=True):
            add(f"{place}/batchnorm/{there}", weights[f"{name}.bn.{here}"])
    add("softmax/weights", weights["fc.weight"].T)
    add("softmax/biases", weights["fc.bias"])
    path.write_bytes(graph.SerializeToString())


def reference(folder: Path) -> None:
    """Writes the files of weights and torch-fidelity's results. Runs where PyTorch is."""
    import torch
    from prdc import compute_prdc
    from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    torch.set_num_threads(2)
    with np.load(folder / "weights.npz") as arrays:
        state = {name: torch.tensor(arrays[name]) for name in arrays.files}
    torch.save(state, folder / "weights.pth")
    torch.save(state, folder / "older.pth", _use_new_zipfile_serialization=False)
    layers = [*DEPTHS, "logits_unbiased"]
    network = FeatureExtractorInceptionV3(
        "random", layers, feature_extractor_weights_path=str(folder / "weights.pth")
    )
    found: dict[str, np.ndarray | float] = {}
    for size in SIZES:
        x = torch.tensor(images(size)).permute(0, 3, 1, 2)
        for layer, value in zip(layers, network(x), strict=True):
            found[f"{size} {layer}"] = value.numpy()
    a, b = map(torch.tensor, features())
    statistics = map(metric_fid.fid_features_to_statistics, (a, b))
    results = metric_fid.fid_statistics_to_metric(*statistics, verbose=False)
    results |= metric_kid.kid_features_to_metric(b, a, kid_subsets=1, kid_subset_size=len(a))
    results |= compute_prdc(*features(), nearest_k=5)
    results |= metric_prc.prc_features_to_metric(b, a)  # its precision and recall, with k = 3
    results |= metric_isc.isc_features_to_metric(torch.tensor(logits()), shuffle=False)
    np.savez(folder / "reference.npz", **found, **results)


def of_network(folder: Path, file: str, expected: dict) -> list[tuple]:
    """Returns our largest differences from the reference, by size and layer."""
    import jax

    from vae.networks import inception, inception_weights
    from vae.training.devices import jit

    weights = inception_weights.read(folder / file)

    @jit
    def outputs(weights: inception.Weights, x: jax.Array) -> list[jax.Array]:
        return [each.mean((1, 2)) for each in inception.maps(weights, x)]

    rows = []
    for size in SIZES:
        found = jax.device_get(outputs(weights, images(size) / np.float32(255)))
        pairs = {layer: (found[i], expected[f"{size} {layer}"]) for i, layer in enumerate(DEPTHS)}
        there = expected[f"{size} logits_unbiased"].astype(np.float64)
        there = np.exp(there - there.max(1, keepdims=True))
        pairs["probabilities"] = (
            inception.probabilities(weights, found[-1]),
            there / there.sum(1, keepdims=True),
        )
        for layer, (here, there) in pairs.items():
            far = float(abs(here - there).max())
            rows.append((file, f"{size[0]}x{size[1]}", layer, far, float(there.max())))
    return rows


def of_metrics(expected: dict) -> list[tuple[str, float, float]]:
    """Returns each metric's name, ours and theirs."""
    from vae.evaluation import fidelity as ours

    a, b = features()
    predicted = np.exp(logits())
    predicted /= predicted.sum(1, keepdims=True)
    here = {
        "frechet_inception_distance": ours.frechet(a, b),
        "kernel_inception_distance_mean": ours.kernel_distance(a, b).value,
    }
    shares = *ours.precision_recall(a, b), *ours.density_coverage(a, b)
    for name, share in zip(("precision", "recall", "density", "coverage"), shares, strict=True):
        here[name] = share.value
    scores = ours.inception_score(predicted)
    for name, score in zip(("mean", "std"), scores, strict=True):
        here[f"inception_score_{name}"] = score
    return [(name, value, float(expected[name])) for name, value in here.items()]


def without_bias() -> list[tuple]:
    """Returns estimates of a known Frechet distance from N samples of each of two Gaussians.

    The line is that of Chong and Forsyth (2020), through the distances of 15 random subsets over
    1 / n; here of both sets, from N / 2 on, for there are few samples of either.
    """
    from vae.evaluation import fidelity as ours

    rng = np.random.default_rng(0)
    rows = []
    for number in NUMBERS:
        found = []
        for _ in range(REPEATS):
            a = rng.normal(size=(number, DIMENSIONS))
            b = SCALE * rng.normal(size=(number, DIMENSIONS))
            b[:, 0] += 1
            sizes = np.linspace(number / 2, number, 15).astype(int)
            subsets = [[x[rng.permutation(number)[:n]] for x in (a, b)] for n in sizes]
            _, line = np.polyfit(1 / sizes, [ours.frechet(*pair) for pair in subsets], 1)
            found.append((ours.frechet(a, b), line, *ours.frechet_unbiased(a, b)))
        *estimates, errors = np.transpose(found)
        cells = [f"{each.mean():.3f} +- {each.std():.3f}" for each in estimates]
        rows.append((number, *cells, f"{np.sqrt((errors**2).mean()):.3f}"))
    return rows


def main(peer_python: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = random_weights()
        np.savez(folder / "weights.npz", **weights)
        files = ["weights.npz", "older.pth", "weights.pth"]
        try:
            write_graph(weights, folder / "graph.pb")
            files.append("graph.pb")
        except ImportError:
            print("TensorFlow is not installed: no frozen graph is compared.", file=sys.stderr)
        subprocess.run([peer_python, __file__, "--reference", name], check=True)
        with np.load(folder / "reference.npz") as arrays:
            expected = dict(arrays)
        from vae.networks import inception_weights

        read = [inception_weights.read(folder / file) for file in files]
        for file, each in zip(files, read, strict=True):
            for layer, (kernel, bias) in each.items():
                first = read[0][layer]
                if not (np.array_equal(kernel, first.kernel) and np.array_equal(bias, first.bias)):
                    sys.exit(f"{file} is read as other weights than {files[0]}: {layer}.")
        print(f"The same weights are read from {', '.join(files)}.\n")
        rows = of_network(folder, files[-1], expected)
    header = ("file", "image", "layer", "largest difference", "largest value")
    measure.print_table(header, rows)
    metrics = of_metrics(expected)
    print()
    measure.print_table(
        ("metric", "ours", "theirs", "difference"),
        [(name, f"{a:.9g}", f"{b:.9g}", f"{abs(a - b):.1g}") for name, a, b in metrics],
    )
    truth = 1 + DIMENSIONS * (SCALE - 1) ** 2
    print(f"\nGaussians in {DIMENSIONS} dimensions whose distance is {truth:.2f}:\n")
    header = ("N", "plain", "line", "jackknife", "the error that it gives")
    measure.print_table(header, without_bias())
    far = [row for row in rows if row[3] > LARGEST * row[4]]
    far += [row for row in metrics if abs(row[1] - row[2]) > LARGEST_METRIC * abs(row[2])]
    if far:
        sys.exit(f"Too different: {far}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer_python", help="the interpreter with torch-fidelity")
    parser.add_argument("--reference", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.reference:
        reference(given.reference)
    else:
        sys.path.insert(0, str(measure.ROOT))
        main(given.peer_python)
