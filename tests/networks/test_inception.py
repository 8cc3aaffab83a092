"""The Inception network, and the files that its weights are in."""

import io
import pickle
import sys
import types
import zipfile

import jax
import numpy as np
import pytest

from vae.errors import InputError
from vae.networks import inception, inception_weights
from vae.networks.folded import Norm, folded
from vae.networks.graph_file import read_constants
from vae.networks.torch_file import read_tensors

# Some of the reference's 2,048 numbers, and the sum of all, for the random weights below.
WHERE = [6, 367, 721, 922, 1108, 1500, 2000]
EXPECTED = [0.0, 5.004766, 2.9511, 0.0, 0.219897, 0.0, 0.558825]
SUM = 6342.029


def random_weights(convolutions, features, classes):
    """A state dictionary of PyTorch's, drawn so that no layer dies."""
    rng = np.random.default_rng(0)
    found = {}
    for name, _, (*taps, inputs, outputs) in convolutions:
        shape = (outputs, inputs, *taps)
        kernel = rng.standard_normal(shape, np.float32)
        found[f"{name}.conv.weight"] = kernel * np.float32(np.sqrt(2 / np.prod(shape[1:])))
        found[f"{name}.bn.weight"] = rng.uniform(0.8, 1.2, outputs)
        found[f"{name}.bn.bias"] = 0.1 * rng.normal(size=outputs)
        found[f"{name}.bn.running_mean"] = 0.1 * rng.normal(size=outputs)
        found[f"{name}.bn.running_var"] = rng.uniform(0.5, 1.5, outputs)
    found["fc.weight"] = 0.1 * rng.normal(size=(classes, features))
    found["fc.bias"] = rng.normal(size=classes)
    return {name: value.astype(np.float32) for name, value in found.items()}


@pytest.mark.slow
def test_outputs_are_those_of_the_reference(tmp_path):
    """Those of torch-fidelity 0.4.0 in PyTorch 2.13, for one image by procedure."""
    sizes = inception.FEATURES, inception.NUM_CLASSES
    np.savez(tmp_path / "all.npz", **random_weights(inception.convolutions(), *sizes))
    weights = inception_weights.read(tmp_path / "all.npz")
    row, column, channel = np.ogrid[:64, :48, :3]
    x = (0.5 + 0.5 * np.sin(0.3 * row + 0.2 * column * (channel + 1) + channel))[None]
    found = jax.jit(inception.pooled)(weights, x.astype(np.float32))
    np.testing.assert_allclose(found[0, WHERE], EXPECTED, atol=1e-4)
    np.testing.assert_allclose(found.sum(), SUM, rtol=1e-5)


def test_feature_maps_have_the_shapes_of_the_reference():
    weights = {
        name: (
            jax.ShapeDtypeStruct(shape, np.float32),
            jax.ShapeDtypeStruct(shape[-1:], np.float32),
        )
        for name, _, shape in inception.convolutions()
    }
    weights = {name: inception.Layer(*layer) for name, layer in weights.items()}
    found = jax.eval_shape(inception.maps, weights, np.zeros((2, 20, 30, 1), np.float32))
    shapes = [(73, 73, 64), (35, 35, 192), (17, 17, 768), (8, 8, 2048)]
    assert [each.shape for each in found] == [(2, *shape) for shape in shapes]
    assert len(weights) == 94


@pytest.mark.parametrize("size", [2, 299, 700])
def test_a_ramp_is_resized_to_a_ramp_from_its_first_pixel(size):
    x = np.broadcast_to(np.arange(size, dtype=np.float32)[:, None, None], (1, size, 3, 1))
    expected = np.minimum(np.arange(299) * size / 299, size - 1)
    for found in (
        inception.resized(x)[0, :, 0, 0],
        inception.resized(x.swapaxes(1, 2))[0, 0, :, 0],
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_pools_do_not_count_what_is_beyond_the_border():
    x = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    mean, largest = (np.empty_like(x) for _ in range(2))
    for i, j in np.ndindex(x.shape):
        near = x[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        mean[i, j], largest[i, j] = near.mean(), near.max()
    for name, expected in (("mean", mean), ("max", largest)):
        found = inception.POOLS[name](x[None, :, :, None])
        np.testing.assert_allclose(found[0, :, :, 0], expected, rtol=1e-6, atol=1e-6)


def test_probabilities_are_those_of_the_classifier_without_its_bias():
    classifier = inception.Layer(np.array([[0.0, np.log(3)]]), np.array([9.0, 0.0]))
    found = inception.probabilities({inception.CLASSES: classifier}, np.array([[0], [1], [999]]))
    np.testing.assert_allclose(found, [[0.5, 0.5], [0.25, 0.75], [0, 1]], atol=1e-12)


def test_a_batch_norm_is_folded_into_its_convolution():
    rng = np.random.default_rng(0)
    kernel, x = rng.normal(size=(5, 4)), rng.normal(size=(7, 5))
    scale, shift, mean = rng.normal(size=(3, 4))
    variance = rng.uniform(size=4)
    layer = folded(kernel, Norm(scale, shift, mean, variance), 0.1)
    expected = scale * (x @ kernel - mean) / np.sqrt(variance + 0.1) + shift
    np.testing.assert_allclose(x @ layer.kernel + layer.bias, expected, rtol=1e-5, atol=1e-5)


@pytest.fixture
def small(monkeypatch):
    """The arrays of a network of two convolutions, as PyTorch and as TensorFlow name them."""
    named = (
        inception.Named("first", "conv", (3, 1, 2, 4)),
        inception.Named("a.b", "m/t", (1, 1, 4, 5)),
    )
    monkeypatch.setattr(inception, "convolutions", lambda: named)
    monkeypatch.setattr(inception, "FEATURES", 5)
    monkeypatch.setattr(inception, "NUM_CLASSES", 3)
    torch = random_weights(named, 5, 3)
    graph = {"softmax/weights": torch["fc.weight"].T, "softmax/biases": torch["fc.bias"]}
    for name, place, _ in named:
        graph[f"{place}/conv2d_params"] = torch[f"{name}.conv.weight"].transpose(2, 3, 1, 0)
        for one, other in zip(inception_weights.TORCH, inception_weights.GRAPH, strict=True):
            graph[f"{place}/batchnorm/{other}"] = torch[f"{name}.bn.{one}"]
    return torch, graph


def as_graph(arrays):
    """A GraphDef, in the wire format of protocol buffers."""

    def varint(value):
        low, high = value & 127, value >> 7
        return bytes([low | 128]) + varint(high) if high else bytes([low])

    def sized(number, content):
        return varint(8 * number + 2) + varint(len(content)) + content

    def node(name, kind, tensor):
        value = sized(1, b"value") + sized(2, sized(8, tensor))
        dtype = sized(1, b"dtype") + sized(2, varint(8 * 6) + varint(1))
        return sized(
            1, sized(1, name.encode()) + sized(2, kind) + sized(5, dtype) + sized(5, value)
        )

    graph = node("picture", b"Const", varint(8) + varint(7) + sized(8, b"text"))
    graph += sized(1, sized(1, b"sum") + sized(2, b"Add") + sized(3, b"picture"))
    for name, array in arrays.items():
        shape = b"".join(sized(2, varint(8) + varint(n)) for n in array.shape)
        content = np.ascontiguousarray(array, "<f4").tobytes()
        form = sized(5, content) if name.endswith("mean") else sized(4, content)
        graph += node(name, b"Const", varint(8) + varint(1) + sized(2, shape) + form)
    return graph


def as_torch(arrays, monkeypatch):
    """What `torch.save` writes, without PyTorch."""

    class FloatStorage:
        __module__ = "torch"

    FloatStorage.__qualname__ = "FloatStorage"

    def _rebuild_tensor_v2():
        pass

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"

    class Tensor:
        def __init__(self, name, array):
            self.name, self.array = name, array

        def __reduce__(self):
            strides = tuple(stride // 4 for stride in self.array.strides)
            where = Storage(self.name), 2, self.array.shape, strides
            return _rebuild_tensor_v2, (*where, False, None)

    class Storage(str):
        pass

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                return "storage", FloatStorage, str(value), "cpu", 0
            return None

    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "torch", types.ModuleType("torch"))
        patch.setitem(sys.modules, "torch._utils", types.ModuleType("torch._utils"))
        sys.modules["torch"].FloatStorage = FloatStorage
        sys.modules["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2
        pickled = io.BytesIO()
        Pickler(pickled, 2).dump({name: Tensor(name, array) for name, array in arrays.items()})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("weights/data.pkl", pickled.getvalue())
        file.writestr("weights/version", b"3\n")
        for name, array in arrays.items():
            file.writestr(f"weights/data/{name}", bytes(8) + np.ascontiguousarray(array).tobytes())
    return archive.getvalue()


def test_all_forms_of_the_file_give_the_same_weights(small, tmp_path, monkeypatch):
    torch, graph = small
    np.savez(tmp_path / "torch.npz", **torch)
    np.savez(tmp_path / "graph.npz", **graph)
    (tmp_path / "graph.pb").write_bytes(as_graph(graph))
    (tmp_path / "torch.pth").write_bytes(as_torch(torch, monkeypatch))
    expected = inception_weights.read(tmp_path / "torch.npz")
    assert [*expected] == ["first", "a.b", inception.CLASSES]
    assert expected["first"].kernel.shape == (3, 1, 2, 4)
    for form in ("graph.npz", "graph.pb", "torch.pth"):
        found = inception_weights.read(tmp_path / form)
        jax.tree.map(np.testing.assert_array_equal, found, expected)
    for name, array in read_tensors(tmp_path / "torch.pth").items():
        np.testing.assert_array_equal(array, torch[name])


def test_a_graph_may_hold_one_value_for_many(tmp_path):
    (tmp_path / "graph.pb").write_bytes(as_graph({"mean": np.float32([[2.5]])}))
    content = (tmp_path / "graph.pb").read_bytes()
    assert content.count(b"\x12\x02\x08\x01") == 2  # the sizes of the two axes
    (tmp_path / "graph.pb").write_bytes(content.replace(b"\x12\x02\x08\x01", b"\x12\x02\x08\x03"))
    found = read_constants(tmp_path / "graph.pb")
    assert [*found] == ["mean"]
    np.testing.assert_array_equal(found["mean"], np.full((3, 3), 2.5))


def test_a_file_of_another_network_or_a_damaged_one_is_refused(small, tmp_path, monkeypatch):
    torch, graph = small
    whole = as_graph(graph)
    files = {
        "other.npz": {"fc.weight": np.zeros((1000, 5))},
        "less.npz": {name: value for name, value in torch.items() if name != "a.b.bn.bias"},
        "nothing.npz": {},
        "graph.pb": whole[: len(whole) // 2],
        "text.pb": b"a page of HTML",
        "none.pb": b"",
        "torch.pth": as_torch(torch, monkeypatch)[:-30],
    }
    found = {}
    for name, content in files.items():
        if isinstance(content, dict):
            np.savez(tmp_path / name, **content)
        else:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name.replace(".", r"\.")) as error:
            inception_weights.read(tmp_path / name)
        found[name] = str(error.value)
    assert "(1000, 5) in place of (3, 5)" in found["other.npz"]
    assert "'a.b.bn.bias'" in found["less.npz"]
    with pytest.raises(InputError, match="is a directory"):
        inception_weights.read(tmp_path)
