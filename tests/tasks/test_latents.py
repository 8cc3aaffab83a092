"""Latents of a data set in a file, and back."""

import dataclasses
import json

import numpy as np
import pytest
from configs import tiny
from PIL import Image
from untrained import untrained

from vae.errors import InputError
from vae.tasks import latents
from vae.tasks.decode import decode
from vae.tasks.encode import encode
from vae.tasks.reconstruct import reconstruct

GRID = {
    "model__encoder": "grid",
    "model__decoder": "grid",
    "model__encoder_widths": (4, 4),
    "model__decoder_widths": (4, 4),
    "model__latent_channels": 3,
    "model__likelihood": "gaussian",
}


@pytest.fixture(scope="module")
def spatial(tmp_path_factory):
    """A run of the digits, not trained, whose z has 3 numbers at each of 2 x 2 places."""
    config = tiny(**GRID)
    config.data.name = "digits"
    config.data.update(train="train[:300]", valid="train[300:310]", test="train[310:350]")
    return untrained(config, tmp_path_factory.mktemp("latents"), num_classes=10)


def test_a_file_has_the_latents_of_every_example_in_order(spatial, tmp_path):
    path = tmp_path / "all.npz"
    output = encode(spatial, split="all", log_std=True, out=path)
    assert output.figures == {"step": 0, "examples": 350, "z": [2, 2, 3]}
    found, dataset = latents.read(path), spatial.dataset()
    assert "name" not in found
    assert [len(found[name]) for name in ("z", "log_std", "labels", "split", "index")] == [350] * 5
    raw, _ = dataset.test.read(np.arange(40))
    q = spatial.encode(raw.values / np.float32(16))
    test = found["split"] == "test"
    np.testing.assert_array_equal(found["index"][test], np.arange(40))
    np.testing.assert_array_equal(found["labels"][test], raw.labels)
    for name, vectors in (("z", q.mean), ("log_std", q.log_std)):
        places = vectors.reshape(40, 3, 2, 2).transpose(0, 2, 3, 1)
        np.testing.assert_allclose(found[name][test], places, atol=1e-5)
    train = found["split"] == "train"
    z, spread = found["z"][train], np.exp(2 * found["log_std"][train])
    std = np.sqrt(z.var((0, 1, 2)) + spread.mean((0, 1, 2)))  # of samples: 1,200 a channel
    np.testing.assert_allclose(found["mean"], z.mean((0, 1, 2)), atol=4 * std.max() / 1200**0.5)
    np.testing.assert_allclose(found["std"], std, rtol=0.1)
    assert len(str(found["params_sha256"])) == 64 and found["step"] == 0

    folder = decode(spatial, latents=path).paths[1]
    files = sorted(folder.iterdir())
    assert len(files) == 350
    made = np.asarray(Image.open(files[-1]).convert("L"), np.float32) / 255
    wanted = np.clip(spatial.decode(q.mean[-1:])[0, ..., 0], 0, 1)
    np.testing.assert_allclose(made, wanted, atol=0.5 / 255 + 1e-4)


def test_pictures_of_any_size_are_encoded_decoded_and_reconstructed_in_tiles(
    spatial, tmp_path, monkeypatch
):
    spatial = dataclasses.replace(spatial, out=tmp_path)
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (30, 44), np.uint8)).save(tmp_path / "photo.png")
    given = {"files": [tmp_path / "photo.png"], "tile": 24}
    path = tmp_path / "own.npz"
    encode(spatial, **given, out=path)
    found = latents.read(path)
    assert found["z"].shape == (1, 8, 11, 3) and found["file"].tolist() == ["photo"]
    (back,) = decode(spatial, latents=path).paths[1].iterdir()
    folder, record = reconstruct(spatial, **given).paths
    (made,) = folder.iterdir()
    back, made = (np.asarray(Image.open(file).convert("L")) for file in (back, made))
    assert made.shape == (30, 44) and back.shape == (32, 44)  # whole places of z
    np.testing.assert_array_equal(back[:30], made)
    figures = json.loads(record.read_text())
    assert {"psnr", "ssim"} <= set(figures["metrics"]) and figures["tile"] == 24
    Image.fromarray(rng.integers(0, 256, (40, 44), np.uint8)).save(tmp_path / "other.png")
    with pytest.raises(InputError, match="other has other latents"):
        encode(spatial, files=[*given["files"], tmp_path / "other.png"], tile=24, out=path)
    with pytest.raises(InputError, match="--tile is for your own pictures"):
        reconstruct(spatial, tile=24)
    monkeypatch.setattr(type(spatial), "dataset", None)  # what is refused computes nothing
    for task in (encode, reconstruct):
        with pytest.raises(InputError, match="--tile=30 must be a multiple of the 4 positions"):
            task(spatial, files=given["files"], tile=30)


def test_files_that_hold_no_latents_are_refused(spatial, tmp_path):
    spatial = dataclasses.replace(spatial, out=tmp_path / "out")

    def refused(match, **arrays):
        path = tmp_path / "given.npz"
        if arrays:
            np.savez(path, **arrays)
        with pytest.raises(InputError, match=match):
            decode(spatial, latents=path)

    refused("does not exist: give what `encode` wrote")
    refused("must have an array z of numbers, .* it has x", x=np.zeros(3))
    refused("latents are \\[5\\] each, but those of the run \\[2, 2, 3\\]", z=np.zeros((4, 5)))
    z = np.zeros((1, 2, 2, 3))
    refused("has no examples: its z is \\[0, 2, 2, 3\\]", z=z[:0])
    for tile in ([8, 8], 0.5, 0, "a"):
        refused("must have one whole number of positions as its tile", z=z, tile=tile)
    refused("has a tile of 3 positions, which must be a multiple of the 4", z=z, tile=3)
    (tmp_path / "given.npz").write_bytes(b"PK")
    refused("cannot be read: give an .npz file")
    assert not spatial.out.exists()
    refused("latents must be finite", z=np.full((1, 2, 2, 3), np.nan))
    with pytest.raises(InputError, match="must end in"):
        encode(spatial, out=tmp_path / "latents.npy")


def test_latents_of_more_places_are_decoded_in_tiles_that_places_fill(tmp_path):
    keys = {"model__prior": "flow_matching", "model__prior_widths": (4,), "model__prior_blocks": 1}
    keys |= {
        "model__condition": "label",
        "model__encoder_told": False,
        "model__decoder_told": False,
    }
    run = untrained(tiny(**GRID | keys), tmp_path, num_classes=10, shape=(6, 9, 1))
    np.savez(tmp_path / "own.npz", z=np.ones((1, 3, 4, 3)))  # no labels, no tile
    (made,) = decode(run, latents=tmp_path / "own.npz").paths[1].iterdir()
    assert np.asarray(Image.open(made)).shape[:2] == (12, 16)


def test_an_array_is_written_piece_by_piece(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.random((70, 2, 3), np.float32), np.array([f"{i:02}" for i in range(70)])
    pieces = ({"z": rows[0][i : i + 32], "b": rows[1][i : i + 32]} for i in range(0, 70, 32))
    latents.write(tmp_path / "a.npz", pieces, {"c": [1, 2]})
    found = latents.read(tmp_path / "a.npz")
    np.testing.assert_array_equal(found["z"], rows[0])
    np.testing.assert_array_equal(found["b"], rows[1])
    assert found["c"].tolist() == [1, 2] and [p.name for p in tmp_path.iterdir()] == ["a.npz"]
