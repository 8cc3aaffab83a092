"""Arrays of known factors are read as attributes, of any modality, in any order of the file."""

import numpy as np
import pytest
from scipy.io import savemat

from vae import modalities
from vae.data.arrays import of_arrays
from vae.errors import InputError
from vae.modalities import images

RNG = np.random.default_rng(0)
X = RNG.integers(0, 255, (40, 6, 5), np.uint8)
FACTORS = np.stack([np.arange(40) % 4, RNG.random(40), RNG.choice([-1, 1], 40)], 1)
NAMES = ["kind", "height", "lit"]
OF = {x.tobytes(): row for x, row in zip(X, FACTORS, strict=True)}


def test_an_archive_with_factors(configure, tmp_path):
    mixed = RNG.permutation(40)
    files = []
    for name, rows in (("a", np.arange(40)), ("b", mixed)):
        files.append(tmp_path / f"{name}.npz")
        np.savez(files[-1], images=X[rows], factors=FACTORS[rows], factor_names=NAMES)
    files.append(tmp_path / "c.mat")
    savemat(files[-1], {"images": X, "factors": FACTORS, "factor_names": np.array(NAMES, object)})
    found = [modalities.load(configure(path=file)) for file in files]
    assert len({each.digest for each in found}) == 1
    for each in found:
        assert (each.attributes, each.num_classes) == (tuple(NAMES), 0)
        for split in (each.train, each.valid, each.test):
            assert split.labels.dtype == np.float32
            for x, y in zip(split.values, split.labels, strict=True):
                kind, height, lit = OF[x.tobytes()]
                np.testing.assert_allclose(y, [kind, height, (lit + 1) / 2], rtol=1e-6)
        assert each.scales.mean[0] == pytest.approx(1.5, abs=0.3) and each.scales.std[1:] == (1, 1)


def test_names_are_numbers_where_none_are_given_and_splits_keep_their_own(configure):
    found = of_arrays({"x_train": X, "x_test": X[:9], "train_factors": FACTORS[:, 0]}, "mine")
    assert found["train"].labels.names == ("factor_0",) and found["test"].labels is None
    both = of_arrays(
        {
            "x_train": X,
            "x_test": X[:9],
            "train_factors": FACTORS[:, 0],
            "factors_test": FACTORS[:9, :1],
        },
        "mine",
    )
    source = images.from_arrays(both, "mine", configure())
    assert [split.labels.shape for split in source.splits.values()] == [(40, 1), (9, 1)]
    with pytest.raises(InputError, match="the factors of test are none"):
        images.from_arrays(found, "mine", configure())


@pytest.mark.parametrize(
    "config", [{}, {"modality": "sound", "sample_rate": 8000}, {"tokens": "bytes"}]
)
def test_tables_sounds_and_texts_have_factors_too(configure, tmp_path, config):
    rows = {(): RNG.normal(size=(40, 3)), ("modality",): RNG.uniform(-1, 1, (40, 3000))}
    x = (
        np.array([f"text {i}" for i in range(40)])
        if "tokens" in config
        else rows[tuple(config)[:1]]
    )
    np.savez(tmp_path / "set.npz", x=x, factors=FACTORS, factor_names=NAMES)
    found = modalities.load(configure(path=tmp_path / "set.npz", **config))
    assert found.attributes == tuple(NAMES)
    every = np.concatenate([split.labels for split in (found.train, found.valid, found.test)])
    np.testing.assert_allclose(sorted(every[:, 1]), sorted(FACTORS[:, 1]), rtol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"factors": FACTORS[:7]}, "the factors of train have 7 rows for 40 examples"),
        ({"factors": FACTORS[None]}, "factors has the shape (1, 40, 3): give factors [N, A]"),
        ({"factors": FACTORS.astype(str)}, "factors is <U32: give numbers, for classes 0, 1"),
        ({"factors": np.where(FACTORS == 3, np.nan, FACTORS)}, "NaN or infinity in 10 of 40 rows"),
        (
            {"factors": FACTORS, "factor_names": NAMES[:2]},
            "has 3 columns, and `factor_names` are 2",
        ),
        ({"factors": FACTORS, "factor_names": ["a", "a", "b"]}, "are 2 different ones"),
        ({"factors": FACTORS, "factor_names": [1, 2, 3]}, "give a text for each"),
        ({"factors": FACTORS, "labels": np.arange(40)}, "has labels and factors: make the labels"),
    ],
)
def test_what_is_wrong_is_said(configure, tmp_path, arrays, said):
    np.savez(tmp_path / "set.npz", images=X, **arrays)
    with pytest.raises(InputError) as error:
        modalities.load(configure(path=tmp_path / "set.npz"))
    assert said in str(error.value) and str(error.value).endswith(".")
