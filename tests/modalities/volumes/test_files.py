"""Solids are read from every kind of file, from folders and archives, and from arrays."""

import gzip
import io
import logging
import tarfile
import zlib

import numpy as np
import pytest

from vae import modalities
from vae.config import base
from vae.errors import InputError
from vae.modalities import volumes
from vae.modalities.volumes import files
from vae.modalities.volumes.voxels import resized
from vae.probability.event import BINARY, Event

RNG = np.random.default_rng(0)
SOLID = RNG.integers(0, 2, (5, 6, 7), dtype=np.uint8)


def npy(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def binvox(solid):
    """A .binvox file of a solid [x, y, z], whose y is fastest."""
    x, y, z = solid.shape
    head = f"#binvox 1\ndim {x} {z} {y}\ntranslate 0 0 0\nscale 1\ndata\n".encode()
    return head + b"".join(bytes([value, 1]) for value in solid.swapaxes(1, 2).ravel())


def nifti(solid, affine):
    nibabel = pytest.importorskip("nibabel")
    return nibabel.Nifti1Image(solid, affine).to_bytes()


def config_of(path, **keys):
    config = base().data
    config.path = str(path)
    config.train, config.valid, config.test = "train[:50%]", "train[50%:75%]", "train[75%:]"
    for key, value in keys.items():
        config[key] = value
    return config


def test_every_kind_of_file_gives_the_solid_it_was_made_of():
    for name, content in {
        "a.npy": npy(SOLID),
        "a.npy.z": zlib.compress(npy(SOLID)),
        "a.binvox": binvox(SOLID),
        "A.NII": nifti(SOLID, np.eye(4)),
        "a.nii.gz": gzip.compress(nifti(SOLID, np.eye(4))),
    }.items():
        np.testing.assert_array_equal(files.decode(name, content), SOLID)


def test_a_scan_is_turned_so_that_its_last_axis_points_up():
    # Its array has up, left and front on the three axes: z, -x and y of the world.
    affine = np.array([[0, -2.0, 0, 0], [0, 0, 2, 0], [2, 0, 0, 0], [0, 0, 0, 1]])
    turned = files.decode("a.nii", nifti(SOLID, affine))
    np.testing.assert_array_equal(turned, np.transpose(SOLID, (1, 2, 0))[::-1])


def test_what_is_damaged_is_an_error():
    whole = zlib.compress(npy(SOLID))
    for name, content in {
        "a.npy.z": whole[:-9],
        "a.npy": npy(SOLID)[:-9],
        "a.binvox": binvox(SOLID)[:-2],
        "b.binvox": b"no",
    }.items():
        with pytest.raises(Exception, match=r"voxels|header|cut off|EOF"):
            files.decode(name, content)


def test_a_solid_that_is_too_large_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_LARGEST", 100)
    large = np.ones((5, 5, 5), np.uint8)
    (tmp_path / "a.npy").write_bytes(npy(large))
    given = {
        "a.npy": str(tmp_path / "a.npy"),
        "a.npy.z": zlib.compress(npy(large)),
        "a.nii.gz": gzip.compress(bytes(101)),
        "a.binvox": b"#binvox 1\ndim 5 5 5\ndata\n\x01\x7d",
    }
    for name, content in given.items():
        with pytest.raises(ValueError, match="more than"):
            files.decode(name, content)


def test_a_tar_has_classes_by_folder_or_by_name(tmp_path):
    solids = RNG.integers(0, 2, (8, 4, 4, 4), dtype=np.uint8)
    with tarfile.open(tmp_path / "solids.tar", "w") as archive:
        for i, solid in enumerate(solids):
            content = zlib.compress(npy(solid))
            info = tarfile.TarInfo(f"data/{'ab'[i % 2]}/{i % 4}.chair_{i}.npy.z")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    by_folder = modalities.load(config_of(tmp_path / "solids.tar"))
    assert by_folder.modality == "volumes" and by_folder.classes == ("a", "b")
    assert by_folder.event.values.kind == "binary" and by_folder.event.shape == (4, 4, 4, 1)
    by_name = modalities.load(
        config_of(tmp_path / "solids.tar", label_pattern="{*}/{label}.{*}", volume_size=(2, 2, 2))
    )
    assert by_name.num_classes == 4 and by_name.event.shape == (2, 2, 2, 1)
    read = {bytes(values) for values in by_folder.train.values}
    assert len(read) == 4 and read < {bytes(solid) for solid in solids}


def test_a_damaged_file_is_named_and_left_out(tmp_path, caplog):
    for i in range(120):
        np.save(tmp_path / f"{i}.npy", RNG.random((2, 2, 2), np.float32))
    (tmp_path / "7.npy").write_bytes(b"no")
    with caplog.at_level(logging.WARNING):
        source = modalities.read(config_of(tmp_path))
    assert "7.npy cannot be read and is skipped" in caplog.text
    assert source.splits["train"].ok.sum() == 119 and source.values.kind == "real"


def test_solids_that_differ_in_size_are_resized_or_refused(tmp_path):
    np.save(tmp_path / "a.npy", SOLID)
    np.save(tmp_path / "b.npy", SOLID[:4])
    with pytest.raises(InputError, match=r"b\.npy is 4x6x7x1, a\.npy 5x6x7x1.*volume_size"):
        modalities.read(config_of(tmp_path))
    with pytest.raises(InputError, match="is no size"):
        modalities.read(config_of(tmp_path, volume_size=(4, 0, 4)))
    source = modalities.read(config_of(tmp_path, volume_size=(4, 6, 7)))
    assert source.splits["train"].shape == (4, 6, 7, 1)


def test_arrays_with_five_dimensions_are_solids_and_with_four_if_it_is_said(tmp_path):
    grey = RNG.integers(0, 256, (12, 3, 4, 5, 1), dtype=np.uint8)
    np.savez(tmp_path / "five.npz", x=grey, y=np.arange(12) % 3)
    np.savez(tmp_path / "four.npz", x=grey[..., 0], y=np.arange(12) % 3)
    np.save(tmp_path / "set.npy", grey[..., 0])
    five = modalities.read(config_of(tmp_path / "five.npz"))
    assert (five.modality, five.values.levels, five.num_classes) == ("volumes", 256, 3)
    assert modalities.read(config_of(tmp_path / "four.npz")).modality == "images"
    for name in ("four.npz", "set.npy"):
        four = modalities.read(config_of(tmp_path / name, modality="volumes"))
        assert four.modality == "volumes" and four.splits["train"].shape == (3, 4, 5, 1)
        read = sorted(map(bytes, four.splits["train"].values))
        assert read == sorted(map(bytes, grey))
    with pytest.raises(InputError, match="holds nothing that can be read"):
        modalities.read(config_of(tmp_path / "set.npy"))  # these may be images
    np.save(tmp_path / "set.npy", grey)
    assert modalities.read(config_of(tmp_path / "set.npy")).modality == "volumes"
    with pytest.raises(InputError, match="volume_size is for volumes"):
        modalities.read(config_of(tmp_path / "four.npz", volume_size=(2, 2, 2)))


def test_scans_are_scaled_and_own_files_by_the_same_numbers(tmp_path):
    scans = RNG.integers(-1000, 3000, (6, 2, 2, 2), dtype=np.int16)
    np.save(tmp_path / "scans.npy", scans)
    np.save(tmp_path / "own.npy", scans[0])
    dataset = modalities.load(config_of(tmp_path / "scans.npy", modality="volumes"))
    x, _ = volumes.read_files([tmp_path / "own.npy"], dataset.event, base().data)
    low, high = scans.min(), scans.max()
    expected = (scans[0].astype(np.float32) - low) / np.float32(high - low)
    np.testing.assert_allclose(x[0, ..., 0], expected, rtol=1e-6)


def test_own_files_that_a_run_cannot_take_are_refused(tmp_path):
    event = Event((3, 3, 3, 1), BINARY)
    np.save(tmp_path / "grey.npy", np.arange(27, dtype=np.uint8).reshape(3, 3, 3))
    np.save(tmp_path / "two.npy", np.zeros((3, 3, 3, 2), np.uint8))
    np.save(tmp_path / "flat.npy", np.zeros((3, 3), np.uint8))
    refused = {
        "grey": "values from 0 to 26",
        "two": "2 channels",
        "flat": r"shape \(3, 3\): a file",
    }
    for name, what in refused.items():
        with pytest.raises(InputError, match=what):
            volumes.read_files([tmp_path / f"{name}.npy"], event, base().data)


def test_resizing_keeps_planes_constants_and_halves_by_linear_weights():
    ramp = np.broadcast_to(np.arange(8, dtype=np.float32)[:, None, None, None], (8, 2, 3, 1))
    half = resized(ramp, (4, 2, 3))
    # Weights 1, 3, 3, 1 about the middle of each pair; the ends lack one neighbour.
    inner = np.array([2 * k + 0.5 for k in range(4)])
    np.testing.assert_allclose(half[1:3, 0, 0, 0], inner[1:3], rtol=1e-6)
    assert (resized(np.ones((5, 5, 5, 1), np.uint8), (3, 9, 5)) == 1).all()
    assert set(np.unique(resized(SOLID[..., None], (3, 4, 5)))) <= {0, 1}
