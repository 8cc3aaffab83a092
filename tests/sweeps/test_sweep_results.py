"""What a sweep found, of sweeps whose trials are only files."""

import csv
import json
import math
import os
import re
import runpy
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from vae import commands
from vae.errors import InputError
from vae.sweeps import results
from vae.sweeps.trials import Trial
from vae.terminal import measured

ROOT = Path(__file__).resolve().parents[2]
SPACE = {
    "optimizer.learning_rate": {"LogUniform": [1e-4, 1e-1]},
    "model.latent_dim": {"Integer": [2, 32]},
    "model.activation": {"Choice": [["gelu", "relu"]]},
}


def make(workdir, points, *, space=None, statuses=(), direction="maximize", **overrides):
    """A sweep whose trial i has the overrides and the objective points[i]."""
    workdir.mkdir(parents=True)
    sweep = {"config": "experiments/digits.py", "sweep": [], "overrides": overrides}
    sweep |= {"space": space or {}, "grid": [{}] if space else [values for values, _ in points]}
    sweep |= {"objective": "valid/elbo", "direction": direction, "sampler": None}
    sweep |= {"pruner": "none", "num_trials": len(points)}
    (workdir / "sweep.json").write_text(json.dumps(sweep))
    for i, (values, objective) in enumerate(points):
        status = dict(statuses).get(i, "completed")
        trial = Trial(i, i, workdir / "trials" / f"{i:04d}", values, status)
        trial.seconds = 10.0 + i
        if status == "completed":
            trial.value = objective
            metrics = {"valid/elbo": objective, "valid/elbo_stderr": 9.0, "test/nll": -objective}
            record = {"status": status, "step": 4, "seconds": 10.0 + i}
            record["metrics"] = metrics | {"train/kl": 1.0}
            trial.save()
            (trial.workdir / "result.json").write_text(json.dumps(record))
        else:
            trial.error = "killed by signal 9" if status == "failed" else None
            trial.save()
    return workdir


def grid(rates=(1e-4, 1e-3, 1e-2), seeds=3):
    """Best at 1e-3; the seeds differ by a little."""
    return [
        (
            {"optimizer.learning_rate": r, "seed": s, "data.seed": s},
            -90 - abs(math.log10(r) + 3) + s,
        )
        for r in rates
        for s in range(seeds)
    ]


def table(text):
    """The terminal's table: its header and its rows, of cells."""
    lines = text.split("\n\n")[1].split("\n")
    assert len({len(line) for line in lines}) == 1, "the columns are not aligned"
    return [re.split(r"  +", line.strip()) for line in lines]


def test_seeds_make_one_row_with_mean_and_standard_error(tmp_path):
    points = grid()
    workdir = make(tmp_path / "sweep", points)
    text = results.write(workdir)

    header, *rows = table(text)
    assert header == [
        *("optimizer.learning_rate", "valid/elbo", "test/nll", "runs", "seconds", "trials"),
    ]
    assert len(rows) == 3
    values = [value for _, value in points[3:6]]
    error = statistics.stdev(values) / 3**0.5
    assert rows[0] == [
        *("0.001", measured(statistics.mean(values), error)),
        *(measured(-statistics.mean(values), error), "3", "14.0", "0003-0005"),
    ]

    with open(workdir / "results.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert float(written[0]["optimizer.learning_rate"]) == 1e-3
    assert float(written[0]["valid/elbo"]) == pytest.approx(statistics.mean(values))
    assert float(written[0]["valid/elbo stderr over seeds"]) == pytest.approx(error)
    assert [row["completed"] for row in written] == ["3", "3", "3"]
    assert written[0]["trials"] == "0003 0004 0005"
    assert "valid/elbo_stderr" not in written[0]  # over images, which is another thing
    assert "train/kl" not in written[0]

    found = json.loads((workdir / "results.json").read_text())
    assert found["points"][0]["metrics"]["valid/elbo"] == pytest.approx(
        {"mean": statistics.mean(values), "stderr": error, "runs": 3}
    )
    assert found["importances"] == {}  # there is nothing to share with


def test_what_lost_a_run_is_behind_what_is_whole_and_lost_trials_are_named(tmp_path):
    points = grid()
    statuses = {3: "diverged", 6: "failed", 7: "running", 8: "waiting"}
    text = results.write(make(tmp_path / "sweep", points, statuses=statuses))
    _, *rows = table(text)
    assert [row[0] for row in rows] == ["0.0001", "0.001", "0.01"]
    assert rows[1][3] == "2 completed, 1 diverged"
    assert rows[2][1] == "1 failed, 1 running, 1 waiting"
    assert "diverged: 0003  optimizer.learning_rate=0.001  seed=0" in text
    assert "failed: 0006  optimizer.learning_rate=0.01" in text
    assert "(killed by signal 9)" in text
    assert runpy.run_path(tmp_path / "sweep" / "best.py")["OVERRIDES"] == {
        "optimizer.learning_rate": 1e-4
    }


def test_minimised_objectives_have_the_smallest_first(tmp_path):
    workdir = make(tmp_path / "sweep", grid(seeds=1), direction="minimize")
    _, *rows = table(results.write(workdir))
    assert [row[0] for row in rows] == ["0.0001", "0.01", "0.001"]


def test_best_is_a_config_file_that_launches_from_the_repositorys_root(tmp_path):
    points = [({"model.encoder_widths": [32, 16], "seed": 5}, -80.0)]
    points += [({"model.encoder_widths": [64, 64], "seed": 5}, -90.0)]
    workdir = make(tmp_path / "sweep", points, **{"training.steps": 7})
    results.write(workdir)
    code = (
        "import sys; from vae.experiments import load; c = load(sys.argv[1], {}).config\n"
        "print(c.model.encoder_widths, c.training.steps, c.seed, c.data.name)"
    )
    command = [sys.executable, "-c", code, workdir / "best.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert run.stdout == "(32, 16) 7 0 digits\n", run.stderr  # and the experiment's own seed


def test_importances_find_the_key_that_the_objective_depends_on(tmp_path):
    # Independent of the activation, and by a little dependent on the dimension.
    points = [
        (
            {
                "optimizer.learning_rate": 10 ** (-4 + 3 * (i * 7 % 24) / 23),
                "model.latent_dim": 2 + i,
                "model.activation": ("gelu", "relu")[i % 2],
            },
            -80 - 5 * (i * 7 % 24) / 23 - i / 100,
        )
        for i in range(24)
    ]
    workdir = make(tmp_path / "sweep", points, space=SPACE, statuses={3: "pruned", 4: "diverged"})
    text = results.write(workdir)
    importances = json.loads((workdir / "results.json").read_text())["importances"]
    assert next(iter(importances)) == "optimizer.learning_rate"
    assert sum(importances.values()) == pytest.approx(1)
    assert importances["optimizer.learning_rate"] > 0.8
    assert f"optimizer.learning_rate {importances['optimizer.learning_rate']:.0%}" in text
    assert len(table(text)) == 25

    page = (workdir / "report.html").read_text()
    titles = re.findall("<figcaption><b>(.*?)</b>", page)
    key = "optimizer.learning_rate"
    assert titles[:3] == ["Progress", "Importances", key]
    assert set(titles[3:]) == {"model.latent_dim", "model.activation", "Points"}
    assert page.count("<circle") == 4 * 22  # the progress and three keys; the others are not whole
    assert "<script" not in page and "http:" not in page  # it opens without a network
    assert page.count("<tr") == 25 and page.count('<tr class="best">') == 1


def test_a_space_that_drew_the_same_values_twice_has_two_points(tmp_path):
    points = [({"model.activation": "gelu"}, -80.0), ({"model.activation": "gelu"}, -81.0)]
    space = {"model.activation": SPACE["model.activation"]}
    assert len(table(results.write(make(tmp_path / "sweep", points, space=space)))) == 3


@pytest.mark.parametrize(
    ("points", "statuses"),
    [
        ([], {}),
        (grid(seeds=1), {0: "waiting", 1: "running", 2: "failed"}),
        (grid(seeds=1), {0: "diverged", 1: "running"}),
        ([({"seed": s}, -80.0 - s) for s in range(3)], {}),
        ([({"objective.beta": b}, math.nan) for b in (1.0, 2.0, 4.0)], {}),
        ([({"objective.beta": b}, -80.0) for b in (1.0, 2.0, 4.0)], {}),
        ([({"objective.beta": 2.0}, -80.0), ({"model.prior": "vamp"}, -81.0), ({}, -82.0)], {}),
    ],
    ids=["empty", "nothing", "one", "seeds", "nan", "constant", "ragged"],
)
def test_a_sweep_with_little_to_show_has_results_all_the_same(tmp_path, points, statuses):
    workdir = make(tmp_path / "sweep", points, statuses=statuses)
    results.write(workdir)
    found = json.loads((workdir / "results.json").read_text())
    completed = [i for i in range(len(points)) if statuses.get(i, "completed") == "completed"]
    assert sum(p["statuses"].get("completed", 0) for p in found["points"]) == len(completed)
    found = any(math.isfinite(points[i][1]) for i in completed)
    assert (workdir / "best.py").exists() == found
    assert (workdir / "report.html").exists()


def test_figures_of_tasks_stand_beside_published_ones(tmp_path):
    file = tmp_path / "methods.py"
    file.write_text('PUBLISHED_SCORES = {"theirs (2019)": {"MIG": 0.102, "SAP": 0.05}}\n')
    methods = ({"objective.beta": 4.0}, {"objective.name": "dip_i"})
    points = [(row | {"seed": seed}, -90.0) for row in methods for seed in range(2)]
    make(tmp_path / "sweep", points)
    record = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    (tmp_path / "sweep" / "sweep.json").write_text(json.dumps(record | {"config": str(file)}))
    for i, mig in enumerate((0.1, 0.2, 0.4, 0.4)):
        trial = tmp_path / "sweep" / "trials" / f"{i:04d}"
        protocol = {"split": "test", "seed": 0, "bins": [20, i], "params_sha256": str(i)}
        scores = {"scores": {"mig": mig}, "num": 15000, "step": 5, "protocol": protocol}
        (trial / "disentanglement_test.json").write_text(json.dumps(scores))
    (trial / "udr.json").write_text(json.dumps({"lasso": {"udr": 0.5}, "spearman": {"udr": None}}))
    text = results.write(tmp_path / "sweep")
    page = (tmp_path / "sweep" / "report.html").read_text()
    header = re.findall("<th>(.*?)</th>", page)
    rows = [re.findall("<td>(.*?)</td>", row) for row in re.findall("<tr.*?><td>.*</tr>", page)]
    first, second, published = (dict(zip(header, row, strict=True)) for row in rows)
    assert header[0] == "point" and header[-5:] == ["MIG", "UDR", "runs", "seconds", "trials"]
    assert (first["point"], first["MIG"], first["UDR"]) == ("beta=4", "0.150 ± 0.050", "")
    assert (second["point"], second["MIG"], second["UDR"]) == ("name=dip_i", "0.4000 ± 0", "0.5")
    assert (published["point"], published["MIG"]) == ("theirs (2019)", "0.102")
    said = "disentanglement_test: num 15000, split test, seed 0, bins 20/0 or 20/1 or 20/2 or 20/3"
    assert said in text.splitlines() and said in page and "theirs (2019)" in text
    kept = json.loads((tmp_path / "sweep" / "results.json").read_text())
    assert kept["points"][0]["metrics"]["MIG"]["mean"] == pytest.approx(0.15)


def test_a_directory_that_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(InputError, match="is no sweep"):
        results.write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_command_results_writes_those_of_a_sweep(tmp_path, capsys):
    workdir = make(tmp_path / "sweep", grid())
    assert commands.main(["results", f"--workdir={workdir}"]) == 0
    assert len(table(capsys.readouterr().out)) == 4
    assert (workdir / "report.html").exists()
