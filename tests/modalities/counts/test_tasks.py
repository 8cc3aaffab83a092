"""What is done with a trained model of counts: expression, changes between groups, integration."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
from configs import tiny
from scipy.stats import norm
from untrained import small

from vae import modalities, models
from vae.compiled import Compiled
from vae.data.scales import unit_scales
from vae.errors import InputError
from vae.modalities.counts import drawn, h5ad
from vae.modalities.counts.asked import ALL, asked, everywhere, references, shares
from vae.modalities.counts.integration import integration
from vae.modalities.counts.tasks.differential import differential, of_changes
from vae.modalities.counts.tasks.express import express
from vae.models.data import Data
from vae.run import Run
from vae.tasks.encode import encode


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of few drawn cells in an .h5ad, told the batch; it was never trained."""
    folder = tmp_path_factory.mktemp("cells")
    cells = drawn.read("cells")
    some = cells.counts.rows(np.arange(240))
    columns = {name: values[:240] for name, values in cells.columns.items()}
    few = cells._replace(columns=columns, names=cells.names[:240])
    h5ad.write(folder / "cells.h5ad", few, some, cells.genes, {}, {})
    config = tiny(
        data__path=str(folder / "cells.h5ad"),
        data__label_column="batch",
        model__condition="label",
        model__encoder_told=False,
        model__stem="log1p",
        model__likelihood="negative_binomial",
        model__library="observed",
        model__dispersion="per_class",
    )
    dataset = modalities.load(config.data)
    event = dataset.event
    model = models.build(config.model, Data(event, None, 3, lambda n: np.zeros((n, 200))))
    return Run(
        config=config,
        model=model,
        variables=small(model),
        event=event,
        step=0,
        workdir=folder,
        out=folder,
        attributes=(),
        scales=unit_scales(0),
        compiled=Compiled(model),
        classes=dataset.classes,
        data={"modality": "counts"},
    )


def test_expression_and_latents_are_written_beside_the_counts(run, tmp_path):
    path = tmp_path / "out.h5ad"
    _, figures, _ = express(run, batch="all", impute=True, types="type", batches="batch", out=path)
    assert (figures["cells"], figures["genes"], figures["z"]) == (240, 200, [4])
    assert 0 < figures["asw_label"] < 1 and 0 < figures["asw_batch"] <= 1
    cells, y, _ = asked(run, ())
    x = cells.counts.values.toarray()
    np.testing.assert_array_equal(np.array(drawn.BATCHES)[y], cells.columns["batch"])
    import h5py

    with h5py.File(path) as file:
        z, expression = file["obsm/X_vae"][()], file["layers/vae_expression"][()]
        imputed = file["layers/vae_imputed"][()]
    np.testing.assert_allclose(z, run.encode(run.event.values.to_x(x), y).mean, rtol=1e-5)
    np.testing.assert_allclose(expression.sum(1), run.event.values.total, rtol=1e-4)
    np.testing.assert_array_equal(imputed[x > 0], x[x > 0])
    own = shares(run, z, [y]) * x.sum(1, keepdims=True)
    np.testing.assert_allclose(imputed[x == 0], own[x == 0], rtol=1e-4)
    each = [shares(run, z, [np.full(240, k)]) for k in range(3)]
    np.testing.assert_allclose(expression, np.mean(each, 0) * run.event.values.total, rtol=1e-4)
    encode(run, split="all", out=tmp_path / "latents.npz")
    with np.load(tmp_path / "latents.npz") as found:
        place = {name: i for i, name in enumerate(cells.names)}
        rows = [place[name] for name in found["name"]]
        assert sorted(rows) == list(range(240))
        np.testing.assert_allclose(found["z"], z[rows], rtol=1e-4, atol=1e-6)
    again = h5ad.read(path, "", 2**30)  # the file is cells again, with what it had
    np.testing.assert_array_equal(again.counts.values.toarray(), x)
    assert again.columns.keys() == cells.columns.keys()


def test_what_is_asked_wrongly_is_refused(run, tmp_path):
    with pytest.raises(InputError, match="no column 'kind'"):
        express(run, types="kind")
    with pytest.raises(InputError, match="no class 'd'"):
        express(run, batch="d")
    with pytest.raises(InputError, match="must end in"):
        express(run, out=tmp_path / "out.npz")
    with pytest.raises(InputError, match="--group"):
        differential(run, column="type", group="U")


def test_changes_have_a_line_for_each_gene(run):
    paths, figures, text = differential(run, column="type", group="T", against="B", pairs=40)
    assert figures["pairs"] == 40 and all(path.is_file() for path in paths)
    with open(paths[1], encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    p = [float(line["p_change"]) for line in lines]
    assert len(lines) == 200 and p == sorted(p, reverse=True)
    assert [row.split()[0] for row in text.splitlines()[3:]] == [
        each["gene"] for each in lines[:10]
    ]


def test_references_of_a_condition(run):
    y = np.array([0, 2])
    assert references(run, None, y) == [y] or (references(run, None, y)[0] == y).all()
    assert [each.tolist() for each in references(run, "b", y)] == [[1, 1]]
    assert [each.tolist() for each in references(run, ALL, y)] == [[0, 0], [1, 1], [2, 2]]


def test_a_column_that_the_model_is_told_stays_each_cells_own():
    """A mean over the classes that are compared would hide what is between them."""
    told = SimpleNamespace(
        model=SimpleNamespace(condition=SimpleNamespace(kind="attributes", size=5)),
        attributes=("batch=a", "batch=b", "age", "sex=f", "sex=m"),
        config=tiny(data__label_column="batch"),
    )
    y = np.array([[1, 0, 0.3, 1, 0], [0, 1, 0.6, 0, 1]], np.float32)
    combined = [[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]]
    found = np.array(references(told, ALL, y))
    np.testing.assert_array_equal(found[:, :, 2], np.tile(y[:, 2], (4, 1)))
    np.testing.assert_array_equal(found[:, 0][:, [0, 1, 3, 4]], combined)
    own = np.array(everywhere(told, y, own="sex"))
    np.testing.assert_array_equal(own[:, :, 3:], [y[:, 3:]] * 2)
    np.testing.assert_array_equal(own[:, 0, :2], [[1, 0], [0, 1]])
    told.model.condition.kind = "label"
    (same,) = everywhere(told, np.array([4, 2]), own="batch")
    assert same.tolist() == [4, 2] and everywhere(told, None) == [None]
    told.model.condition.kind, told.attributes = "attributes", ("age",)
    with pytest.raises(InputError, match="told no batch"):
        references(told, ALL, y)
    (same,) = everywhere(told, y)
    assert same is not None and (same == y).all()


def test_what_samples_of_changes_say():
    rng = np.random.default_rng(0)
    changes = rng.normal([0.0, 3.0, -3.0, 0.5], 1.0, (20_000, 4))
    found = of_changes(changes, 0.5)
    up = norm.cdf([0.0, 3.0, -3.0, 0.5])
    np.testing.assert_allclose(found["bayes_factor"], np.log(up / (1 - up)), atol=0.6)
    p = 1 - (norm.cdf(0.5 - np.array([0, 3, -3, 0.5])) - norm.cdf(-0.5 - np.array([0, 3, -3, 0.5])))
    np.testing.assert_allclose(found["p_change"], p, atol=0.02)
    assert found["found"].tolist() == [False, True, True, False]


def test_integration_tells_mixed_batches_and_types_that_lie_apart():
    rng = np.random.default_rng(0)
    labels, batches = np.arange(300) % 3, rng.integers(2, size=300)
    noise = rng.normal(0, 0.1, (300, 2))
    apart = noise + np.eye(3)[labels][:, :2] * 5
    good = integration(apart, labels, batches)
    bad = integration(noise + np.eye(2)[batches] * 5, labels, batches)
    assert good["asw_label"] > 0.95 and good["asw_batch"] > 0.9
    assert bad["asw_label"] < 0.55 and bad["asw_batch"] < 0.1
    two = integration(np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1]), None)
    widths = [1 - 1 / 10.5, 1 - 1 / 9.5] * 2  # (b - a) / b: a = 1, b the mean to the others
    assert two == {"asw_label": pytest.approx((1 + np.mean(widths)) / 2)}
