"""The weights of the Inception network, from a file that a user has.

There are three forms of it, told apart by their content:

    PyTorch's       pt_inception-2015-12-05-6726825d.pth of pytorch-fid, or the same of
                    torch-fidelity, see `torch_file.py`
    TensorFlow's    classify_image_graph_def.pb of inception-2015-12-05.tgz, see `graph_file.py`
    .npz            the arrays of either of them, with the names and shapes that they have there
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from vae.errors import InputError
from vae.files import check_file
from vae.networks import inception
from vae.networks.folded import Layer, Norm, folded
from vae.networks.graph_file import read_constants
from vae.networks.torch_file import read_tensors

EPSILON = 1e-3  # of the batch norms
TORCH = "weight", "bias", "running_mean", "running_var"
GRAPH = "gamma", "beta", "moving_mean", "moving_variance"
WANTED = "pt_inception-2015-12-05-6726825d.pth or classify_image_graph_def.pb"


def read(path: Path) -> dict[str, Layer]:
    """Returns the network's weights, folded, by the names of `inception.convolutions`.

    Raises:
      InputError: there is no such file, it is damaged, or it is of another network.
    """
    arrays = _arrays(path)
    of_torch = f"{inception.CLASSES}.weight" in arrays

    def array(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name not in arrays:
            raise InputError(f"{path} has no array {name!r}: give {WANTED}.")
        if arrays[name].shape != shape:
            raise InputError(
                f"{path}: {name!r} has the shape {arrays[name].shape} in place of {shape}: it is "
                f"of another network: give {WANTED}."
            )
        return arrays[name]

    def layer(names: inception.Named) -> Layer:
        shape, (*_, outputs) = names.shape, names.shape
        if of_torch:
            place = f"{names.name}.bn"
            kernel = array(f"{names.name}.conv.weight", (*shape[:1:-1], *shape[:2]))
            kernel = kernel.transpose(2, 3, 1, 0)
        else:
            place = f"{names.graph}/batchnorm"
            kernel = array(f"{names.graph}/conv2d_params", shape)
        ends = [f".{end}" for end in TORCH] if of_torch else [f"/{end}" for end in GRAPH]
        return folded(kernel, Norm(*(array(place + end, (outputs,)) for end in ends)), EPSILON)

    shape = (inception.FEATURES, inception.NUM_CLASSES)
    if of_torch:
        classes = array("fc.weight", shape[::-1]).T, array("fc.bias", shape[1:])
    else:
        classes = array("softmax/weights", shape), array("softmax/biases", shape[1:])
    layers = {names.name: layer(names) for names in inception.convolutions()}
    return layers | {inception.CLASSES: Layer(*classes)}


def _arrays(path: Path) -> dict[str, np.ndarray]:
    check_file(path)
    with open(path, "rb") as file:
        start = file.read(2)
    if start[:1] == b"\x80":  # a pickle
        return read_tensors(path)
    if start != b"PK":
        return read_constants(path)
    try:
        with open(path, "rb") as file, np.load(file) as arrays:
            if not any(name.endswith("data.pkl") for name in arrays.files):
                return dict(arrays)
    except (ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} cannot be read ({error}): give {WANTED}.") from None
    return read_tensors(path)
