import numpy as np
import pytest

from vae import modalities

HALVES = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}
SPLITS = {"train": "train", "valid": "valid", "test": "test"}


@pytest.mark.parametrize("device_bytes", [1, 2**30])
def test_images_on_both_sides_of_a_split_are_said(
    configure, write_images, tmp_path, caplog, device_bytes
):
    for seed, split in enumerate(SPLITS):
        write_images(tmp_path / split, 30, seed=seed)
    found = configure(path=tmp_path, device_bytes=device_bytes, **SPLITS)
    modalities.load(found)
    assert "share" not in caplog.text
    for i in range(3):
        source = tmp_path / "train" / f"{i:04d}.png"
        (tmp_path / "test" / f"copy{i}.png").write_bytes(source.read_bytes())
    (tmp_path / "test" / "link.png").symlink_to(tmp_path / "valid" / "0007.png")
    modalities.load(found)
    assert "data.train and data.test share 3 example(s)" in caplog.text
    assert "data.valid and data.test share 1 example(s)" in caplog.text


def test_links_are_found_where_files_are_not_read(
    configure, write_images, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr("vae.modalities.images.duplicates._HASHED_FILES", 10)
    for seed, split in enumerate(SPLITS):
        write_images(tmp_path / split, 30, seed=seed)
    (tmp_path / "test" / "link.png").symlink_to(tmp_path / "train" / "0007.png")
    modalities.load(configure(path=tmp_path, device_bytes=1, **SPLITS))
    assert "data.train and data.test share 1 example(s)" in caplog.text


def test_equal_arrays_are_counted(configure, tmp_path, caplog):
    images = np.random.default_rng(0).random((100, 3, 3))
    np.savez(tmp_path / "set.npz", x_train=images, x_test=images[:40], y_test=np.arange(40) % 2)
    modalities.load(
        configure(path=tmp_path / "set.npz", train="train", valid="test[:20]", test="test[20:]")
    )
    assert caplog.text.count("share 20 example(s)") == 2


@pytest.mark.parametrize(("number", "said"), [(6, "train 3, data.valid 1, data.test 2"), (400, "")])
def test_few_images_are_said(configure, write_images, tmp_path, caplog, number, said):
    np.savez(tmp_path / "set.npz", images=np.random.default_rng(0).random((number, 3, 3)))
    modalities.load(configure(path=tmp_path / "set.npz", **HALVES))
    assert (f"few examples (data.{said})" in caplog.text) == bool(said)
    assert ("few examples" in caplog.text) == bool(said)


OUT = 1e30


@pytest.mark.parametrize(
    ("modality", "values"),
    [
        ("tables", np.random.default_rng(0).normal(size=(400, 3))),
        ("images", np.random.default_rng(0).normal(size=(400, 5, 5))),
    ],
)
def test_a_value_far_outside_is_said(configure, tmp_path, caplog, modality, values):
    np.savez(tmp_path / "good.npz", x=values)
    assert modalities.load(configure(path=tmp_path / "good.npz")).modality == modality
    rare = np.zeros_like(values)
    rare[:3] = 1e3  # a column that is mostly 0 is none of these
    np.savez(tmp_path / "rare.npz", x=rare)
    modalities.load(configure(path=tmp_path / "rare.npz"))
    assert "hardly more than one value" not in caplog.text
    for row in range(3):
        values.reshape(400, -1)[row * 40, 1] = OUT
    np.savez(tmp_path / "bad.npz", x=values)
    modalities.load(configure(path=tmp_path / "bad.npz"))
    modalities.load(configure(path=tmp_path / "bad.npz"), whole=False)  # it was said
    (said,) = [r.getMessage() for r in caplog.records if "hardly more than" in r.getMessage()]
    assert f"to {OUT:g}, and nearly all of it from -2" in said
    assert modality == "images" or ": x1 goes from -" in said
