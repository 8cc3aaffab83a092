"""Counts: what is read of files of every kind, which genes are kept, how cells are shown."""

import gzip
import logging
import sys

import numpy as np
import pytest
import scipy.io
from scipy import sparse

from vae import modalities
from vae.data.examples import ArrayExamples
from vae.errors import InputError
from vae.modalities import counts
from vae.modalities.counts import drawn, h5ad, plots, variable
from vae.modalities.counts.cells import CellExamples, Cells, check_counts, dense, source
from vae.modalities.counts.matrices import InFile, InMemory, runs

N, F = 40, 6
RNG = np.random.default_rng(0)
X = RNG.poisson(RNG.lognormal(0, 1, F), (N, F)).astype(np.int32)
X[:, 0] = 3 * (np.arange(N) % 5)
GENES = tuple(f"g{i}" for i in range(F))
NAMES = np.array([f"c{i}" for i in range(N)])
BATCH = np.array(["a", "b"])[np.arange(N) % 2]
AGE = np.linspace(20, 60, N)
CELLS = Cells(InMemory(sparse.csr_array(X)), GENES, {"batch": BATCH, "age": AGE}, NAMES, "here")
SLICES = {"train": "train[:60%]", "valid": "train[60%:80%]", "test": "train[80%:]"}


@pytest.fixture
def load(configure, caplog):
    caplog.set_level(logging.ERROR)

    def make(path, **keys):
        return modalities.load(configure(path=path, **SLICES, **keys))

    return make


def rows_of(dataset):
    """All counts by the age of the cell, or as they come."""
    parts = [getattr(dataset, name) for name in ("train", "valid", "test")]
    return np.concatenate([part.read(np.arange(len(part)))[0].values for part in parts])


def in_order(x):
    return x[np.lexsort(x.T)]


def write_new(path, kind):
    """An .h5ad of the present layout, with counts in a layer and in raw, and text in categories."""
    h5ad.write(path, CELLS, sparse.csr_array(np.log1p(X)), GENES, {}, {"counts": X})
    import h5py

    with h5py.File(path, "r+") as file:
        made = {"csr": sparse.csr_array, "csc": sparse.csc_array}[kind](X)
        for place, values in ((f"layers/{kind}", made), ("raw/X", made[:, ::-1])):
            group = file.create_group(place)
            group.attrs["encoding-type"], group.attrs["shape"] = f"{kind}_matrix", values.shape
            for part in ("data", "indices", "indptr"):
                group[part] = getattr(values, part)
        h5ad._write_table(file["raw"], "var", np.array(GENES[::-1]), {})
        for name, column in {
            "kind": {
                "codes": np.where(np.arange(N) == 3, -1, np.arange(N) % 3).astype(np.int8),
                "categories": np.array([b"T", b"B", b"NK"]),
            },
            "score": {"values": np.arange(N), "mask": np.arange(N) == 1},
        }.items():
            group = file["obs"].create_group(name)
            for part, values in column.items():
                group[part] = values
    return path


def write_old(path):
    """An .h5ad as AnnData wrote them before version 0.7."""
    import h5py

    with h5py.File(path, "w") as file:
        obs = np.zeros(N, [("index", "S8"), ("batch", "i1"), ("age", "f4")])
        obs["index"], obs["batch"], obs["age"] = NAMES, np.arange(N) % 2, AGE
        file["obs"], file["uns/batch_categories"] = obs, np.array([b"a", b"b"])
        var = np.zeros(F, [("index", "S8")])
        var["index"] = GENES
        file["var"] = file["raw.var"] = var
        file["X"] = np.log1p(X)
        group, values = file.create_group("raw.X"), sparse.csr_array(X.astype(np.float32))
        group.attrs["h5sparse_format"], group.attrs["h5sparse_shape"] = "csr", values.shape
        for part in ("data", "indices", "indptr"):
            group[part] = getattr(values, part)
    return path


@pytest.mark.parametrize("layer", ["counts", "csr", "csc", "raw"])
@pytest.mark.parametrize("device_bytes", [2**30, 1])
def test_an_h5ad_is_read_in_memory_and_from_its_file(tmp_path, load, layer, device_bytes):
    path = write_new(tmp_path / "cells.h5ad", "csc" if layer == "csc" else "csr")
    data = load(path, layer=layer, label_column="batch", device_bytes=device_bytes)
    kind = CellExamples if device_bytes == 1 else ArrayExamples
    assert isinstance(data.train, kind) and data.classes == ("a", "b")
    if kind is CellExamples:
        assert isinstance(data.train.counts, InMemory if layer == "csc" else InFile)
    expected = X[:, ::-1] if layer == "raw" else X
    assert data.event.names == (GENES[::-1] if layer == "raw" else GENES)
    np.testing.assert_array_equal(in_order(rows_of(data)), in_order(expected))
    raw, _ = data.train.read(np.arange(len(data.train)))
    rows = [int(name[1:]) for name in data.train.names]
    np.testing.assert_array_equal(raw.values, expected[rows])
    largest, total = raw.values.max(), np.median(raw.values.sum(1))
    assert (data.event.values.scale, data.event.values.total) == (largest, total)


def test_the_order_and_the_digest_do_not_depend_on_the_layout(tmp_path, load):
    new = load(write_new(tmp_path / "new.h5ad", "csr"), layer="csr", label_column="batch")
    old = load(write_old(tmp_path / "old.h5ad"), layer="raw", label_column="batch")
    np.testing.assert_array_equal(rows_of(new), rows_of(old))
    np.testing.assert_array_equal(new.train.labels, old.train.labels)
    assert new.digest == old.digest


def test_columns_become_classes_fields_and_attributes(tmp_path, load):
    path = write_new(tmp_path / "cells.h5ad", "csr")
    columns = h5ad.read(path, "counts", 2**30).columns
    assert columns["kind"][3] == "" and columns["kind"][2] == "NK" and np.isnan(columns["score"][1])
    data = load(path, layer="counts", covariates="batch, age")
    assert data.attributes == ("batch=a", "batch=b", "age")
    ages = np.concatenate([x.labels[:, 2] for x in (data.train, data.valid, data.test)])
    np.testing.assert_allclose(np.sort(ages), AGE, rtol=1e-6)
    by_age = {round(float(age), 3): b for age, b in zip(AGE, BATCH, strict=True)}
    for a, b, age in data.train.labels.tolist():
        assert (a, b) == ((1, 0) if by_age[round(age, 3)] == "a" else (0, 1))


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({}, "0.693147, which is no count|no count: name the layer"),
        ({"layer": "count"}, "'count', which data.layer names; there are X, .*did you mean"),
        ({"layer": "counts", "label_column": "batches"}, "data.label_column names.*mean 'batch'"),
        ({"layer": "counts", "covariates": "batch,kind"}, "'kind' is missing in 1 of 40 cells"),
        ({"layer": "counts", "genes": 9}, "data.genes=9 is more than the 6 genes"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(tmp_path, load, keys, reason):
    with pytest.raises(InputError, match=reason):
        load(write_new(tmp_path / "cells.h5ad", "csr"), **keys)


def test_a_file_without_cells_and_a_count_that_is_too_large(tmp_path, configure):
    with pytest.raises(InputError, match="there are 0 of them and 6 genes"):
        source(CELLS._replace(names=NAMES[:0]), configure())
    with pytest.raises(InputError, match=r"here has 1e[+]12; a count is below"):
        check_counts(np.array([3, 10.0**12]), "here")


def test_cells_of_zeros_are_drawn():
    """A model that has hardly learned may have no other samples."""
    assert (
        plots.page({"samples": np.zeros((4, 3), np.int32)}, GENES[:3], "Samples", paired=False).ndim
        == 3
    )


def test_a_damaged_file_and_one_of_another_kind(tmp_path, load):
    (tmp_path / "cells.h5ad").write_bytes(b"no file of cells")
    with pytest.raises(InputError, match="cannot be read as"):
        load(tmp_path / "cells.h5ad")
    import h5py

    with h5py.File(tmp_path / "other.h5ad", "w") as file:
        file["X"] = X
    with pytest.raises(InputError, match="of a known layout"):
        load(tmp_path / "other.h5ad")


def test_a_folder_of_cell_ranger(tmp_path, load):
    with gzip.open(tmp_path / "matrix.mtx.gz", "wb") as file:
        scipy.io.mmwrite(file, sparse.coo_array(X.T))
    genes = [f"ENS{i}\t{name}\tGene Expression\n" for i, name in enumerate(("A", "A", *GENES[2:]))]
    with gzip.open(tmp_path / "features.tsv.gz", "wt") as file:
        file.writelines(genes)
    (tmp_path / "barcodes.tsv").write_text("".join(f"{name}\n" for name in NAMES))
    data = load(tmp_path)
    assert data.modality == "counts" and data.event.names[:3] == ("A", "A-1", "g2")
    np.testing.assert_array_equal(in_order(rows_of(data)), in_order(X))
    (tmp_path / "barcodes.tsv").write_text("one\n")
    with pytest.raises(InputError, match="has 1 lines, but the matrix 40 cells"):
        load(tmp_path)


def test_text_and_arrays(tmp_path, load):
    lines = [",".join(("cell", *GENES, "batch"))]
    lines += [",".join(map(str, (n, *x, b))) for n, x, b in zip(NAMES, X, BATCH, strict=True)]
    (tmp_path / "cells.csv").write_text("\n".join(lines))
    named = load(tmp_path / "cells.csv", modality="counts", label_column="batch")
    assert named.event.names == GENES and named.classes == ("a", "b")
    sparse.save_npz(tmp_path / "sparse.npz", sparse.csr_array(X))
    np.savez(tmp_path / "dense.npz", x=X, y=np.arange(N) % 2, names=GENES)
    unnamed = load(tmp_path / "sparse.npz")
    dense = load(tmp_path / "dense.npz", modality="counts")
    assert unnamed.modality == "counts" and dense.num_classes == 2
    np.testing.assert_array_equal(rows_of(unnamed), rows_of(dense))
    np.testing.assert_array_equal(in_order(rows_of(named)), in_order(X))


def test_own_files_have_the_genes_of_the_run_by_name(tmp_path, configure, load):
    data = load(write_new(tmp_path / "cells.h5ad", "csr"), layer="counts", genes=3)
    assert len(data.event.names) == 3
    config = configure(layer="raw")
    x, names = counts.read_files([tmp_path / "cells.h5ad"], data.event, config)  # turned round
    chosen = [GENES.index(name) for name in data.event.names]
    np.testing.assert_array_equal(np.rint(x * data.event.values.scale), X[:, chosen])
    assert names[1].endswith("cells.h5ad c1")
    whole = Cells(CELLS.counts, GENES, {}, NAMES, "here")
    np.testing.assert_array_equal(dense(whole, data.event, np.array([9, 3])), X[[9, 3]][:, chosen])
    (tmp_path / "few.csv").write_text(f"{data.event.names[0]},other\n1,2\n")
    with pytest.raises(InputError, match="lacks 2 of the 3 genes of the run"):
        counts.read_files([tmp_path / "few.csv"], data.event, config)


def test_runs_of_rows():
    assert runs(np.array([2, 3, 4, 7, 9, 10])) == [(2, 5), (7, 8), (9, 11)]


def test_the_genes_that_vary_most_are_those_that_were_made_to():
    """Poisson counts of any mean vary as their mean says; planted genes vary more."""
    rng = np.random.default_rng(3)
    mean = rng.lognormal(0, 1.5, 300)
    planted = rng.choice(300, 20, replace=False)
    rate = np.tile(mean, (1000, 1))
    rate[:, planted] *= rng.gamma(1.0, 1.0, (1000, 20))  # negative binomial with r = 1
    enough = mean[planted] > 0.5  # of rarer genes nothing can be seen
    x = sparse.csr_array(rng.poisson(rate))
    found = variable.most(lambda: iter([x[:500], x[500:]]), 40)
    assert set(planted[enough]) <= set(found.tolist()) and (np.diff(found) > 0).all()
    score = variable.scores(lambda: iter([x]))
    others = np.setdiff1d(np.arange(300), planted)
    assert abs(np.median(score[others]) - 1) < 0.1


def test_a_constant_gene_and_few_genes():
    x = sparse.csr_array(np.array([[1, 0, 4], [1, 0, 0]]))
    assert variable.scores(lambda: iter([x])).tolist()[:2] == [0, 0]


def test_a_local_quadratic_is_exact_on_a_quadratic():
    x = np.linspace(-1, 2, 150)
    np.testing.assert_allclose(variable.local(x, 2 * x**2 - x), 2 * x**2 - x, atol=1e-9)


def test_drawn_cells_are_what_their_columns_say():
    x, columns = drawn.draw(1500, seed=0)
    shares = np.stack([columns[f"program_{m}"] for m in range(drawn.PROGRAMS)], 1)
    np.testing.assert_allclose(shares.sum(1), 1)
    batch = np.searchsorted(drawn.BATCHES, columns["batch"])
    mean = columns["size"][:, None] * drawn.expression(shares, batch)
    variance = mean + mean**2 / drawn.truth().r
    z = (x - mean) / np.sqrt(variance)
    assert abs(z.mean()) < 0.01 and abs(z.var() - 1) < 0.05
    pairs = drawn.read("cells:doublets")
    assert all("+" in kind for kind in pairs.columns["type"]) and len(pairs.names) == 400
    with pytest.raises(InputError, match="doublets"):
        drawn.read("cells:triplets")


def test_likeness_is_of_logarithms(load, tmp_path):
    event = load(write_new(tmp_path / "cells.h5ad", "csr"), layer="counts").event
    x = event.values.to_x(X)
    assert counts.likeness(x, x, event) == {"mse": 0.0, "correlation": pytest.approx(1.0)}
    other = event.values.to_x(np.rint(np.expm1(np.log1p(X) + 0.0)).astype(np.int32)[:, ::-1])
    expected = np.mean((np.log1p(X) - np.log1p(X[:, ::-1])) ** 2)
    assert counts.likeness(x, other, event)["mse"] == pytest.approx(expected, rel=1e-5)


def test_real_blood_cells_in_the_old_layout(real, load):
    path = real("cells") / "pbmc68k_reduced.h5ad"
    cells = h5ad.read(path, "raw", 2**30)
    assert cells.counts.shape == (700, 765) and cells.genes[:2] == ("HES4", "TNFRSF4")
    assert len(set(cells.columns["bulk_labels"].tolist())) == 10
    with pytest.raises(InputError, match="is no count: name the layer"):
        load(path)


def test_what_to_install_is_said(tmp_path, monkeypatch):
    (tmp_path / "cells.h5ad").touch()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"pip install 'vae-experiments\[cells\]'"):
        h5ad.read(tmp_path / "cells.h5ad", "", 1)
