"""What one command made is never lost to another."""

import numpy as np
import pytest
from PIL import Image

from vae.tasks import names
from vae.tasks.anomaly import anomaly
from vae.tasks.edit import edit
from vae.tasks.encode import encode
from vae.tasks.interpolate import interpolate
from vae.tasks.sample import sample
from vae.tasks.transfer import transfer
from vae.tasks.traverse import traverse


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders of files of the same names with other images."""
    folder, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / name).mkdir()
        for i in range(2):
            pixels = rng.integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")
    return [folder / "a", folder / "b"]


def test_other_images_give_other_files(plain, told, halves_read, folders):
    made = []
    for folder in folders:
        made += edit(plain, attribute="Upper", files=[folder], steps=1).paths
        made += encode(plain, files=[folder]).paths
        made += interpolate(plain, files=[folder], steps=2).paths
        made += traverse(plain, files=[folder / "0.png"], steps=2, dimensions=1).paths
        made += transfer(told, files=[folder]).paths
    made += transfer(told, files=[folders[0]], attributes=[{"Upper": 1.0}]).paths
    assert len(set(made)) == len(made) == 22 and all(path.is_file() for path in made)
    again = edit(plain, attribute="Upper", files=[folders[0]], steps=1).paths
    assert again == made[:2]  # the same command replaces what it made


def test_other_settings_give_other_files(plain, halves_read):
    made = []
    for options in ({}, {"keep": ["Lower"]}, {"steps": 2}, {"num": 3}):
        made += edit(plain, attribute="Upper", **options).paths
    for options in ({}, {"num": 4}, {"seed": 1}, {"temperature": 0.5}):
        made += sample(plain, **options).paths
    for options in ({}, {"steps": 2}, {"num": 2}, {"method": "linear"}):
        made += interpolate(plain, **options).paths
    assert len(set(made)) == len(made) == 24


def test_scores_of_other_images_lie_in_other_files(run, folders):
    for folder in folders:
        anomaly(run, files=[folder], num_samples=2)
    assert len(list(run.workdir.glob("anomaly_0_and_1_more_*.csv"))) == 2


def test_names_are_plain_and_short(plain):
    path = names.picture(plain, "edit", "Male/Female 1", keep=([f"a{i}" for i in range(99)], None))
    assert path.parent == plain.out / "images"
    assert "Male-Female-1" in path.name and len(path.name) < 200
    other = names.picture(plain, "edit", "Male/Female 1", keep=([f"a{i}" for i in range(98)], None))
    assert other != path
    long = [names.plain("é" * 120 + end) for end in "ab"]  # of two bytes each
    assert len(set(long)) == 2 and all(len(name.encode()) < 200 for name in long)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("/a/b.c/own.txt line 4", "own line 4"),
        ("my table.csv row 12", "my table row 12"),
        ("photos/my.photo row 3.png", "my.photo row 3"),
        ("a.png", "a"),
        (".hidden", ".hidden"),
        ("/data/snli test 17", "snli test 17"),
        ("/a/pbmc.h5ad AAAG-1", "pbmc AAAG-1"),
        ("/a/pbmc.h5ad T/B.1", "pbmc T/B.1"),
        ("/a/filtered AAAG.1", "filtered AAAG.1"),
    ],
)
def test_a_short_name_tells_the_examples_of_a_file_apart(name, expected):
    assert names.short(name) == expected
