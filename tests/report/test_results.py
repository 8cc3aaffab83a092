"""The table of results is made of run directories and of nothing else."""

import json
import logging
import os
import re
import resource
import shlex

import pytest

from vae.errors import InputError
from vae.report import table
from vae.report.results import FOLDER, write

EXPERIMENT = '''"""Small networks on small pictures.

More.
"""

PUBLISHED = {
    "": ("test/nll", 86.76, "Someone 2016"),
    "wide": ("test/bits_per_dim", None, ""),
}
'''


def finished(directory, config, nll, *, seed=0, status="completed", **overrides):
    directory.mkdir(parents=True)
    result = {
        "status": status,
        "step": 1500,
        "seconds": 90.0,
        "metrics": {"test/nll": nll, "test/nll_stderr": 0.25},
        "protocol": {
            "data": "pictures",
            "split": "test (9 examples)",
            "binarize": "none",
            "num_samples": 7,
            "weights": "last",
        },
    }
    record = {
        "command": ["vae", "train", "--config", config],
        "overrides": {"seed": seed, "data.path": "somewhere"} | overrides,
        "hardware": "3 cores of an abacus",
    }
    data = {"name": "", "path": "somewhere/photographs"}
    (directory / "config.json").write_text(json.dumps({"data": data}))
    (directory / "result.json").write_text(json.dumps(result))
    (directory / "provenance.json").write_text(json.dumps(record))


def test_figures_of_tasks_stand_below(tmp_path, experiments):
    finished(tmp_path / "runs/a", "experiments/small.py", 80.0)
    (tmp_path / "runs/a/verify.json").write_text(
        json.dumps({"images": 50, "posterior": {"auroc": 0.75, "tar_at_1%_far": 0.125}})
    )
    text = write(tmp_path / "runs", experiments=experiments).read_text()
    assert (
        "| `small`, 1,500 steps | `verify` | 50 | same person, AUROC 0.75, TAR at 1% FAR 0.125 |"
        in text
    )


def test_tasks_of_runs_that_differ_in_their_data_alone_stay_apart(tmp_path, experiments):
    out = tmp_path / "RESULTS.md"
    for name, images, overrides in (("a", 50, {}), ("b", 60, {"data.name": "faces"})):
        run = tmp_path / name / "run"
        finished(run, "experiments/small.py", 80.0, **overrides)
        settings = {"name": overrides.get("data.name", ""), "path": "" if overrides else "x/photos"}
        (run / "config.json").write_text(json.dumps({"data": settings}))
        (run / "verify.json").write_text(json.dumps({"images": images, "pixels": {"auroc": 0.5}}))
        text = write(run.parent, out, experiments=experiments).read_text()
        assert name == "b" or "| `small`, 1,500 steps | `verify` | 50 |" in text
    assert "| `small`, photos, 1,500 steps | `verify` | 50 |" in text
    assert "| `small`, faces, 1,500 steps | `verify` | 60 |" in text
    assert text == write(run.parent, out, experiments=experiments).read_text()


def test_fidelity_of_all_runs_stands_in_one_table(tmp_path, experiments):
    figures = {"frechet": 12.5, "precision": 0.75, "recall": 1e-05}
    for name, experiment in (("a", "small"), ("b", "unpublished")):
        finished(tmp_path / "runs" / name, f"experiments/{experiment}.py", 80.0)
    (tmp_path / "runs/a/fidelity.json").write_text(json.dumps({"num": 9, "samples": figures}))
    remade = {"frechet": 3.0, "psnr": 30.25, "ssim": 0.5}
    for name, prior in (("a", ""), ("b", "mixture_")):
        of_file = {"num": 8, "samples": figures, "reconstructions": remade}
        file = tmp_path / f"runs/{name}/fidelity_{prior}featureslite0.json"
        file.write_text(json.dumps(of_file))
    out = write(tmp_path / "runs", experiments=experiments)
    text = out.read_text()
    after = text.partition(f"## {table.COMPARED}")[2].splitlines()
    columns, _, *rows = [line for line in after if line.startswith("|")]
    assert columns.endswith(
        "| examples | Frechet distance of samples | precision | recall | Frechet distance of "
        "reconstructions | PSNR in dB of reconstructions | SSIM of reconstructions |"
    )
    assert [row.split(" | ")[3:] for row in rows] == [
        ["`fidelity`", "9", "12.5", "0.75", "1e-05", "", "", " |"],
        ["`fidelity_featureslite0`", "8", "12.5", "0.75", "1e-05", "3", "30.25", "0.5 |"],
        ["`fidelity_mixture_featureslite0`", "8", "12.5", "0.75", "1e-05", "3", "30.25", "0.5 |"],
    ]
    write(tmp_path / "runs/b", out, experiments=experiments)  # the rows of the others are kept
    assert out.read_text() == text


@pytest.fixture
def experiments(tmp_path):
    folder = tmp_path / "experiments"
    folder.mkdir()
    (folder / "small.py").write_text(EXPERIMENT)
    (folder / "unpublished.py").write_text('"""No figures."""\n')
    return folder


def rows(path):
    lines = path.read_text().splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]


def test_seeds_make_one_row_and_overrides_another(tmp_path, experiments):
    runs = tmp_path / "runs"
    names = ("experiments/small.py", "small", "/elsewhere/experiments/small.py")
    for seed, nll in enumerate((80.0, 82.0, 84.0)):
        finished(runs / str(seed), names[seed], nll, seed=seed)
    finished(runs / "a" / "b", "experiments/small.py", 90.0, **{"model.latent_dim": 3})
    finished(runs / "cut", "experiments/small.py", 1.0, status="preempted")
    first, second, third = rows(write(runs, experiments=experiments))
    assert first[3] == "86.76 (Someone 2016)"
    assert first[4:8] == ["82.00 +- 1.2", "3", "1,500", "1.5"]  # 2 / sqrt(3) over seeds
    assert "K = 7" in first[2] and first[8] == "3 cores of an abacus"
    assert "`--config.model.latent_dim=3`" in second[0] and second[4] == "90.00 +- 0.25*"
    assert third[0] == "`wide`" and third[4] == "not run"
    text = (runs / "RESULTS.md").read_text()
    assert "vae train --config=experiments/small.py:wide" in text
    assert first[1] == "photographs, test (9 examples)"
    assert "somewhere" not in text and "unpublished" not in text


def test_a_command_can_be_pasted_into_a_shell(tmp_path, experiments):
    overrides = {"model.groups": [2, 3], "model.widths": [4], "data.train": "train[:10]"}
    finished(tmp_path / "runs", "experiments/small.py", 80.0, **overrides)
    text = write(tmp_path / "runs", experiments=experiments).read_text()
    command = next(line for line in text.splitlines() if "groups" in line and "vae" in line)
    assert shlex.split(command)[3:] == [
        "--config.data.train=train[:10]",
        "--config.model.groups=(2,3)",
        "--config.model.widths=(4,)",
    ]
    assert "'--config.model.groups=(2,3)'" in command


def test_a_missing_directory_is_named(tmp_path, experiments):
    with pytest.raises(InputError, match="nowhere"):
        write(tmp_path / "nowhere", experiments=experiments)


def test_a_file_keeps_the_rows_of_runs_that_are_elsewhere(tmp_path, experiments):
    out = tmp_path / "RESULTS.md"
    finished(tmp_path / "a/1", "experiments/small.py", 80.0)
    finished(tmp_path / "a/2", "experiments/small.py", 90.0, **{"model.latent_dim": 3})
    (tmp_path / "a/2/verify.json").write_text(json.dumps({"images": 5, "pixels": {"auroc": 0.5}}))
    write(tmp_path / "a", out, experiments=experiments)
    finished(tmp_path / "b/1", "experiments/small.py", 70.0)
    finished(tmp_path / "b/2", "/somewhere/mine.py:large", 60.0)
    written = write(tmp_path / "b", out, experiments=experiments)
    assert written == out
    one, two, wide, verified, mine = rows(written)
    assert one[:1] + one[4:5] == ["`small`", "70.00 +- 0.25*"]
    assert two[4] == "90.00 +- 0.25*" and "latent_dim=3" in two[0]
    assert wide[4] == "not run" and verified[1] == "`verify`"
    assert mine[0] == "`large`" and mine[2] == "nll, K = 7, last weights"
    commands = [line for line in out.read_text().splitlines() if line.startswith("vae ")]
    assert [shlex.split(command)[2] for command in commands] == [
        *["--config=experiments/small.py"] * 2,
        "--config=experiments/small.py:wide",
        "--config=/somewhere/mine.py:large",
    ]
    again = out.read_text()
    write(tmp_path / "b", out, experiments=experiments)
    assert out.read_text() == again


def test_the_tracked_file_is_read_as_it_is_written(tmp_path):
    tracked = (FOLDER / "RESULTS.md").read_text()
    (tmp_path / "RESULTS.md").write_text(tracked)
    table.write(tmp_path / "RESULTS.md", {})
    text = (tmp_path / "RESULTS.md").read_text()
    day = re.compile(r"^\d{4}-\d\d-\d\d$", re.MULTILINE)
    assert day.sub("", text) == day.sub("", tracked)


def test_runs_from_python_are_listed(tmp_path, experiments):
    finished(tmp_path / "runs/a", "", 80.0)
    (row,) = rows(write(tmp_path / "runs", experiments=experiments))
    assert row[0] == f"`{tmp_path / 'runs/a'}`" and row[4] == "80.00 +- 0.25*"


def test_another_file_is_left_alone(tmp_path, experiments):
    finished(tmp_path / "runs/a", "experiments/small.py", 80.0)
    other = tmp_path / "thesis.md"
    other.write_text("# Chapter 1")
    with pytest.raises(InputError, match="holds no results; choose another file"):
        write(tmp_path / "runs", other, experiments=experiments)
    assert other.read_text() == "# Chapter 1"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("Written from", "These are the runs of spring. Written from"),
        ("## small", "## small\n\nSeed 3 was left out, see my notes."),
        ("```\n", "```\n# on the cluster\n"),
        ("| `wide`", "a remark\n| `wide`"),
    ],
)
def test_text_of_another_hand_is_not_lost(tmp_path, experiments, place, text):
    finished(tmp_path / "runs/a", "experiments/small.py", 80.0)
    out = write(tmp_path / "runs", experiments=experiments)
    edited = out.read_text().replace(place, text, 1)
    assert edited != out.read_text()
    out.write_text(edited)
    with pytest.raises(InputError, match=r"RESULTS\.md, line \d+, is not as `results` writes it"):
        write(tmp_path / "runs", experiments=experiments)
    assert out.read_text() == edited


def test_a_file_is_as_it_was_when_it_cannot_be_written(tmp_path, experiments):
    finished(tmp_path / "runs/a", "experiments/small.py", 80.0)
    out = write(tmp_path / "runs", experiments=experiments)
    before = out.read_text()
    finished(tmp_path / "runs/b", "experiments/unpublished.py", 70.0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(InputError, match="cannot be written: File too large"):
            write(tmp_path / "runs", experiments=experiments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert out.read_text() == before
    assert [path.name for path in out.parent.iterdir() if path.is_file()] == [out.name]


def test_pipes_are_not_waited_for(tmp_path, experiments):
    finished(tmp_path / "runs/a", "experiments/small.py", 80.0)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe is a pipe"):
        write(tmp_path / "runs", tmp_path / "pipe", experiments=experiments)
    (tmp_path / "runs/b").mkdir()
    os.mkfifo(tmp_path / "runs/b/result.json")
    with pytest.raises(InputError, match=r"b/result\.json is a pipe"):
        write(tmp_path / "runs", experiments=experiments)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("result.json", {"protocol": {}}),
        ("result.json", {"protocol": 5}),
        ("result.json", {"metrics": {"test/nll": "abc"}}),
        ("provenance.json", {"command": [5]}),
        ("config.json", {"data": {}}),
    ],
)
def test_a_run_with_a_damaged_record_is_left_out(tmp_path, experiments, caplog, name, part):
    finished(tmp_path / "runs/a", "experiments/small.py", 80.0)
    finished(tmp_path / "runs/b", "experiments/small.py", 70.0)
    file = tmp_path / "runs/b" / name
    file.write_text(json.dumps(json.loads(file.read_text()) | part))
    with caplog.at_level(logging.WARNING):
        first, *_ = rows(write(tmp_path / "runs", experiments=experiments))
    assert first[4:6] == ["80.00 +- 0.25*", "1"]
    assert f"b/{name} is damaged" in caplog.text and "The run is left out" in caplog.text


def test_a_figure_that_one_seed_lacks(tmp_path, experiments):
    finished(tmp_path / "runs/a", "experiments/small.py", 80.0)
    finished(tmp_path / "runs/b", "experiments/small.py", None, seed=1)
    first, *_ = rows(write(tmp_path / "runs", experiments=experiments))
    assert first[4:6] == ["nan +- nan", "2"]


def test_a_path_beside_the_name_of_an_embedded_set_is_the_data(tmp_path, experiments):
    paths = {"a": "my/first.npz", "b": "my/second.npz", "c": ""}
    for name, path in paths.items():
        directory = tmp_path / "runs" / name
        finished(directory, "experiments/unpublished.py", 80.0, **{"data.path": path})
        data = {"data": {"name": "digits", "path": path}}
        (directory / "config.json").write_text(json.dumps(data))
        if not path:
            record = json.loads((directory / "provenance.json").read_text())
            del record["overrides"]["data.path"]
            (directory / "provenance.json").write_text(json.dumps(record))
    out = write(tmp_path / "runs", experiments=experiments)
    assert [row[1].split(",")[0] for row in rows(out)] == ["first.npz", "second.npz", "digits"]
    commands = [line for line in out.read_text().splitlines() if line.startswith("vae ")]
    assert [shlex.split(command)[3:] for command in commands] == [
        ["--config.data.path=my/first.npz"],
        ["--config.data.path=my/second.npz"],
        [],
    ]


def test_a_directory_without_runs_is_named(tmp_path, experiments):
    with pytest.raises(InputError, match="holds no completed run"):
        write(tmp_path, experiments=experiments)
    assert not (tmp_path / "RESULTS.md").exists()
