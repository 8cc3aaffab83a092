"""A data source of one's own: a function that gives arrays, as an .npz has them."""

import numpy as np
import pytest

from vae import modalities
from vae.config import base, own
from vae.errors import InputError

FILE = """
import numpy as np

def rings(num=60, seed=0):
    rng = np.random.default_rng(seed)
    angle, ring = rng.uniform(0, 2 * np.pi, num), rng.integers(0, 2, num)
    x = (1 + ring) * np.stack([np.cos(angle), np.sin(angle)])
    return {"x": x.T, "y": ring, "names": ["across", "up"]}

def noise():
    return {"images": np.random.default_rng(0).integers(0, 255, (30, 4, 4)).astype("uint8")}

def nothing():
    return None

def unnamed():
    return {"pictures": np.zeros((3, 4, 4))}

def six():
    return {"x": np.zeros((4, 5, 4, 3, 2, 2))}
"""


MODALITY = """
import types
from vae.modalities import tables

def read(config, like=None):
    return None

Grids = types.SimpleNamespace(**{**vars(tables), "NAME": "grids"})
Unread = types.SimpleNamespace(**{**vars(tables), "read": read, "READS": "a file of grids"})
Unfinished = types.SimpleNamespace(NAME="grids")
"""


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "_directories", [])
    monkeypatch.setattr(own, "_modules", {})
    monkeypatch.syspath_prepend(tmp_path)
    name = f"data_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(FILE + MODALITY)
    own.look_in(tmp_path)
    return name


def load(name, **settings):
    config = base().data
    config.name = name
    with config.unlocked():
        config.settings = settings
    return modalities.load(config)


def test_rows_are_a_table(file):
    data = load(f"{file}:rings", num=100)
    assert data.modality == "tables" and data.event.names == ("across", "up")
    assert data.num_classes == 2 and len(data.train) == 80
    assert load(f"{file}:rings", num=100).digest == data.digest
    assert load(f"{file}:rings", num=100, seed=1).digest != data.digest


def test_pictures_are_images(file):
    data = load(f"{file}:noise")
    assert data.modality == "images" and data.event.shape == (4, 4, 1)
    raw, ok = data.train.read(np.arange(24))
    assert ok.all() and raw.values.dtype == np.uint8


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("nothing", {}, "gives a NoneType: let it return a dict of arrays"),
        ("unnamed", {}, "gives no examples, only pictures: name them images"),
        ("six", {}, r"examples of the shape \(4, 5, 4, 3, 2, 2\): give rows"),
        ("rings", {"number": 3}, "data.settings has 'number', which .* does not take"),
        ("ring", {}, "has no 'ring'; did you mean 'rings'"),
    ],
)
def test_a_wrong_one_is_refused_in_a_sentence(file, name, settings, said):
    with pytest.raises(InputError, match=said):
        load(f"{file}:{name}", **settings)


def test_the_class_of_an_embedded_set_is_not_ones_own():
    config = base().data
    config.name = "wine:class_0"
    assert "wine:class_0" in modalities.load(config).description


def of_kind(modality, **data):
    config = base().data
    config.update(modality=modality, name="wine", **data)
    return modalities.load(config)


def test_a_modality_of_ones_own_is_asked_in_the_place_of_others(file):
    assert of_kind(f"{file}:Grids").modality == f"{file}:Grids"
    assert modalities.named(f"{file}:Grids").NAME == "grids"
    assert of_kind("tables").modality == "tables"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Unread", "holds nothing that can be read: give a file of grids"),
        ("Unfinished", "Unfinished' lacks READS, which every modality has"),
        ("Missing", "has no 'Missing'"),
    ],
)
def test_a_wrong_modality_is_refused_in_a_sentence(file, name, said, tmp_path):
    with pytest.raises(InputError, match=said):
        of_kind(f"{file}:{name}", path=str(tmp_path))
