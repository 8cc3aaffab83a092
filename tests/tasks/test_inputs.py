import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from configs import tiny
from PIL import Image
from sklearn.datasets import load_digits

import vae
from vae.data.places import files_at
from vae.errors import InputError
from vae.modalities.images.decoding import IMAGES
from vae.modalities.images.user_files import read_files
from vae.probability.event import BYTES, Event
from vae.probability.observations import Averaged, Masked
from vae.tasks.anomaly import anomaly
from vae.tasks.inputs import attribute_columns, read_set
from vae.tasks.sample import sample

STANDARD = (148 / 218, 148 / 178)


def run_with(crop, shape=(64, 64, 3)):
    config = tiny(data__crop=crop)
    return SimpleNamespace(
        config=config, event=Event(shape, BYTES), model=SimpleNamespace(event=Event(shape, BYTES))
    )


@pytest.mark.parametrize(
    ("crop", "size", "kept"),
    [  # height, width; of CelebA at any size the protocol's centre, of anything else the whole
        (STANDARD, (218, 178), (148, 148)),
        (STANDARD, (109, 89), (74, 74)),
        (STANDARD, (436, 356), (296, 296)),
        (STANDARD, (64, 64), (64, 64)),
        (STANDARD, (300, 400), (300, 300)),
        ((148, 148), (218, 178), (148, 148)),
        ((148, 148), (109, 89), (89, 89)),
        ((0, 0), (218, 178), (178, 178)),
    ],
)
def test_files_are_framed_as_the_training_images(tmp_path, crop, size, kept):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8))
    image.save(tmp_path / "a.png")
    left, top = (size[1] - kept[1]) // 2, (size[0] - kept[0]) // 2
    centre = image.crop((left, top, left + kept[1], top + kept[0]))
    expected = np.asarray(centre.resize((64, 64), Image.Resampling.BILINEAR)) / np.float32(255)
    run = run_with(crop)
    ((x,), _) = read_files([tmp_path / "a.png"], run.event, run.config.data)
    np.testing.assert_allclose(x, expected, atol=1e-6)


def test_folders_are_read_once_and_pipes_never(tmp_path, caplog):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    ((name, content),) = files_at([tmp_path], IMAGES)
    assert name == content() == str(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"pipe\.png is a pipe, a socket or a device"):
        files_at([tmp_path / "pipe.png"], IMAGES)


@pytest.mark.parametrize("white", [1023, 4095])
def test_a_deep_file_is_of_the_range_of_the_runs_folder(tmp_path, white):
    ramp = np.tile(np.arange(8), (8, 1)) * 100
    Image.fromarray(ramp.astype(np.uint16)).save(tmp_path / "a.png")
    run = run_with((0, 0), (8, 8, 1))
    run.event = replace(run.event, values=replace(BYTES, black=0.0, white=float(white)))
    ((x,), _) = read_files([tmp_path / "a.png"], run.event, run.config.data)
    assert np.abs(x[..., 0] - ramp / white).max() < 1 / 255


@pytest.mark.parametrize(("low", "high"), [(-1, 1), (0, 255), (-7, 3)])
def test_outliers_are_brought_to_the_runs_range(run, tmp_path, low, high):
    unit = load_digits().images.astype(np.float32) / 16
    np.savez(tmp_path / "set.npz", images=low + (high - low) * unit)
    images, *_ = read_set(str(tmp_path / "set.npz"), run, 500)
    assert (images.min(), images.max()) == (0, 1)
    if low != -1:
        return
    # A set is no outlier of itself.
    figures = anomaly(run, outliers=[tmp_path / "set.npz"], num=150, num_samples=2).figures
    assert 0.4 < figures["auroc"]["nll"] < 0.6


def test_what_a_run_is_asked_from_python(run):
    x = np.rint(16 * run.sample(2)) / 16
    for wrong, message in (
        (255 * x, "give x / 255"),
        (np.nan * x, "NaN or infinity in 2 of 2"),
        (x[:0], r"shape \(0, 8, 8, 1\)"),
        ((255 * x).astype(np.uint8), "from 0 to 16"),
    ):
        for ask in (run.encode, run.reconstruct, run.log_likelihood):
            with pytest.raises(InputError, match=message):
                ask(wrong)
    with pytest.warns(UserWarning, match="to the 17 levels"):
        moved = run.log_likelihood(0.97 * x + 0.01, num_samples=2)
    np.testing.assert_array_equal(moved, run.log_likelihood(x, num_samples=2))
    z = run.encode(x).mean
    for wrong, message in ((z * np.nan, "latents must be finite"), (z[:0], "no latents")):
        with pytest.raises(InputError, match=message):
            run.decode(wrong)
    for temperature in (-1.0, np.nan, np.inf):
        with pytest.raises(InputError, match=r"finite numbers, and|not negative"):
            run.sample(2, temperature=temperature)


def test_numbers_and_arrays_from_python_that_are_none_are_refused(run):
    x, ragged = np.rint(16 * run.sample(2)) / 16, [[1, 2], [3]]
    (z,) = np.zeros((1, 2, 4)).tolist()
    assert run.decode(z).shape == run.decode(np.array(z)).shape == (2, 8, 8, 1)
    mask = np.ones((2, 8, 8), bool)
    for ask, message in (
        (lambda: run.sample(0), "num=0 must be a whole number of at least 1"),
        (lambda: run.sample(2.5), "num=2.5 must be a whole number"),
        (lambda: run.sample(2, seed="a"), "seed='a' must be a whole number"),
        (lambda: run.sample(2, temperature="a"), "temperatures must be finite numbers"),
        (lambda: run.log_likelihood(x, num_samples=0), "num_samples=0 must be a whole number"),
        (lambda: run.log_likelihood(x, seed=2**70), "seed=1180591620717411303424 must be"),
        (lambda: run.encode(ragged), "images are no array"),
        (lambda: run.decode(ragged), "latents are no array"),
        (lambda: run.decode([1.0]), r"shape \(1,\) must be \[N, 4\]"),
        (lambda: run.posterior(x), "is a ndarray: give a Masked"),
        (lambda: run.posterior(Masked(x[:0], mask[:0])), r"x float32 \(0, 8, 8, 1\), not"),
        (lambda: run.posterior(Masked(x, mask[..., None])), r"not bool \(2, 8, 8\)"),
        (lambda: run.posterior(Masked(x * np.nan, mask)), "has NaN"),
        (lambda: run.posterior(Averaged(x, 0.1, 3)), "blocks of 3 by 3 pixels, which do not"),
        (lambda: run.posterior(Averaged(x, 0.1, 2)), r"not float32 \[N, 4, 4, 1\]"),
        (lambda: run.posterior(Averaged(x, 0.0, 2)), "sigma=0, which must be above 0"),
        (lambda: run.posterior(Masked(x, mask), chains=0), "chains=0 must be a whole"),
        (lambda: run.posterior(Masked(x, mask), sweeps=0), "sweeps=0 must be a whole"),
    ):
        with pytest.raises(InputError, match=message):
            ask()


def test_classes_keep_their_names(tmp_path):
    digits = load_digits()
    names = np.array(["zero", "one", "two", "three"])
    few = digits.target < 4
    np.savez(
        tmp_path / "set.npz",
        images=(15 * digits.images[few]).astype(np.uint8),
        labels=names[digits.target[few]],
    )
    config = tiny(
        data__name="",
        data__path=str(tmp_path / "set.npz"),
        model__condition="label",
        training__steps=5,
        log__every_steps=5,
        evaluation__every_steps=5,
    )
    vae.train(config, tmp_path / "run")
    run = vae.load(tmp_path / "run")
    assert run.classes == ("one", "three", "two", "zero") and run.model.condition.size == 4
    (path,) = sample(run, num=4, labels=["two", "zero"]).paths
    drawn = path.read_bytes()
    assert sample(run, num=4, labels=[2, "3"]).paths == [path] and path.read_bytes() == drawn
    assert sample(run, num=4, labels=["one"]).paths != [path]
    of_names, of_numbers = run.sample(2, labels=["two", "zero"]), run.sample(2, labels=[2.0, 3.0])
    np.testing.assert_array_equal(of_names, of_numbers)
    for wrong in (
        [0.5, 1],
        [4, 0],
        [-1, 0],
        [np.nan, 0],
        [None, None],
        [[0], [1]],
        ["four", "two"],
    ):
        with pytest.raises(InputError, match=r"labels must be 2 whole|no class 'four'"):
            run.sample(2, labels=wrong)
    with pytest.raises(InputError, match=r"no class 'four' in .* its 4 are one, three, two, zero"):
        sample(run, num=4, labels=["four"])


def test_attributes_that_were_added_later_are_said_to_be(run, tmp_path):
    (tmp_path / "attributes.csv").write_text("file,Smiling\n")
    config = run.config.copy_and_resolve_references()
    config.data.path = str(tmp_path)
    later = replace(run, config=config)
    with pytest.raises(InputError, match=r"on 20\d\d-\d\d-\d\d and found no attr.*attributes\.csv"):
        attribute_columns(["Smiling"], later)
