"""Files of compressed examples: their size, what comes back, and what is refused."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from vae import modalities
from vae.compression import file
from vae.errors import InputError
from vae.tasks.compress import compress
from vae.tasks.decompress import decompress

pytest.importorskip("constriction")


@pytest.fixture(scope="module")
def packed(run, tmp_path_factory):
    """The test split in a file, and the figures."""
    path = tmp_path_factory.mktemp("packed") / "test.vae"
    return path, compress(run, split="test", out=path)


def test_the_test_split_comes_back_in_about_the_bits_of_the_elbo(run, packed):
    path, (paths, figures, text) = packed
    assert paths == [path, path.with_name("test.vae.json")]
    assert json.loads(paths[1].read_text()) == figures and "ELBO of the run" in text
    bits, size = figures["bits_per_dim"], figures["bytes"]
    assert bits["net"] == pytest.approx(bits["elbo"], rel=0.01)
    assert size["file"] == path.stat().st_size == size["stack"] + size["header"]
    assert 8 * size["stack"] == round(bits["stack"] * figures["values"])
    assert 0 < size["initial"] < 40 and size["header"] < 300  # one example's, of four latents
    assert bits["file"] < min(figures["others"][name] for name in ("gzip", "bz2", "xz", "PNG"))

    written, said, _ = decompress(run, str(path), out=path.parent / "out")
    with np.load(written[0]) as found:
        (values, _), _ = modalities.load(run.config.data).test.read(np.arange(180))
        np.testing.assert_array_equal(found["x"], values)
    assert said["examples"] == 180 and said["restored"] == "all values that the run reads"


def test_other_weights_arithmetic_and_content_are_refused(run, packed, monkeypatch, tmp_path):
    path, _ = packed
    variables = run.variables | {"params": {"nothing": np.zeros(1)}}
    with pytest.raises(InputError, match="was written with the weights"):
        decompress(dataclasses.replace(run, variables=variables), str(path))
    header, words = file.read(path)
    other = tmp_path / "other.vae"
    file.write(other, header | {"content": "0" * 32}, words)
    with pytest.raises(InputError, match="does not give back what was compressed"):
        decompress(run, str(other))
    file.write(other, header | {"batch": 64}, words)  # a digest of other batches
    monkeypatch.setattr("vae.compression.codec.fingerprint", lambda *_: "another")
    with pytest.raises(InputError, match="differs in its last bits"):
        decompress(run, str(other))
    with pytest.raises(InputError, match="takes one file"):
        decompress(run)
    with pytest.raises(InputError, match="is a file: give a directory"):
        decompress(run, str(path), out=other)
    with pytest.raises(InputError, match="is a directory: give a file"):
        compress(run, split="test", out=tmp_path)


def test_pictures_of_ones_own_come_back_as_files(run, tmp_path, caplog):
    rng = np.random.default_rng(0)
    raw = rng.integers(0, 17, (3, 8, 8))
    for i, image in enumerate(raw):
        Image.fromarray(np.rint(image * (255 / 16)).astype(np.uint8)).save(tmp_path / f"{i}.png")
    figures = compress(run, str(tmp_path), out=tmp_path / "own.vae").figures
    assert figures["restored"] == "all values that the run reads" and not caplog.text
    paths = decompress(run, str(tmp_path / "own.vae"), out=tmp_path / "back").paths
    assert [path.name for path in paths] == ["examples.npz", "0.png", "1.png", "2.png"]
    for path, image in zip(paths[1:], raw, strict=True):
        with Image.open(path) as found:
            np.testing.assert_array_equal(np.rint(np.asarray(found)[..., 0] / (255 / 16)), image)
    Image.fromarray(np.zeros((16, 9), np.uint8)).save(tmp_path / "wide.png")
    lost = compress(run, files=[tmp_path / "wide.png"], out=tmp_path / "wide.vae").figures
    assert lost["restored"] == "1 of 1 pictures are cropped or resized to 8x8"
    assert "cropped or resized" in caplog.text
