"""The report of a run: `report.html`, one page that opens without a network.

It is made of what lies in the run's directory: the record, the metrics of every logged step, what
the evaluation found of each latent and example, and what was drawn.
"""

from __future__ import annotations

import datetime
import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vae.config import base, flatten, to_dict
from vae.config.keys import KEYS
from vae.config.values import shown as as_python
from vae.report import curves, media, runs, svg
from vae.report.diagnoses import Evidence, diagnoses
from vae.report.html import write as write_page
from vae.report.runs import Summary
from vae.report.shown import UNITS
from vae.report.svg import Series
from vae.terminal import duration, number
from vae.training import directory, processes

logger = logging.getLogger(__name__)

FILE = "report.html"
GROUPS = 10  # classes that have a colour on the map of the latents
TASKS = 12  # pictures of tasks at most
ASIDE = ("_stderr", "/examples")
BESIDE = {"data.html": "The data", "lr_range.html": "Learning rates"}  # pages of other commands


def write_if_possible(folder: Path) -> None:
    """Writes the report of a run that has just ended; why it could not be written is only logged.

    Several processes that train one run write it once.
    """
    if not processes.is_first():
        return
    try:
        logger.info("The report is %s.", write(folder))
    except Exception as error:  # whatever it is: the run is done, and its result is written
        logger.warning("No report was written: %s: %s", type(error).__name__, error)


def write(folder: Path) -> Path:
    """Writes the report of a run into its directory, and returns its path.

    Raises:
      Damaged: one of the run's files does not say what it should.
      InputError: the directory holds no run.
    """
    run = runs.read(folder)
    with directory.described(folder):  # JSON of another shape than was written
        evidence = evidence_of(run)
        budget = media.Budget()
        sheets = [
            media.shown(picture, title, budget)
            for name, title in (("samples", "Samples"), ("reconstructions", "Reconstructions"))
            if (picture := media.latest(folder, name))
        ]
        tasks = [
            media.shown(path, str(path.relative_to(folder)), budget)
            for path in media.of_tasks(folder)[:TASKS]
        ]
        write_page(
            folder / FILE,
            "run.html",
            title=_title(run),
            run=run,
            folder=folder,
            facts=_facts(run),
            about=_about(run),
            findings=diagnoses(evidence),
            figures=_figures(run),
            protocol=_protocol(run.result.get("protocol", {})),
            curves=curves.charts({"": evidence.curves}),
            machine=curves.charts({"": evidence.curves}, machine=True),
            latents=_latents(evidence.details, run.record.get("data", {}).get("classes", [])),
            sheets=sheets,
            tasks=tasks,
            cost=_cost(run),
            command=command(run),
            changed=changed(run.config),
            config=sorted(flatten(run.config).items()),
            record=_record(run),
            beside=[(name, file) for file, name in BESIDE.items() if (folder / file).is_file()],
        )
    return folder / FILE


def evidence_of(run: Summary) -> Evidence:
    """Returns what is known of a run, as its diagnoses need it."""
    details = directory.read_json(run.directory / directory.DETAILS, {"step": int}) or {}
    return Evidence(
        config=flatten(run.config),
        result=run.result,
        status=run.status,
        curves=curves.read(run.directory),
        details=details if details.get("step") == run.step else {},
    )


def command(run: Summary) -> str:
    """Returns what to type, or to write in Python, to make the run again."""
    program, *words = run.record.get("command") or ["python"]
    if run.file and Path(program).name in ("vae", "launch.py", "__main__.py"):
        return shlex.join(["vae", *words])
    return (
        "import json, vae\n"
        "from vae.config import from_dict\n\n"
        'config = from_dict(json.load(open("config.json")))  # of this directory\n'
        'vae.train(config, "runs/again")'
    )


def changed(config: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Returns (key, value, default, what the key is) of the values that are not the defaults."""
    defaults = flatten(to_dict(base()))
    rows = []
    for key, value in sorted(flatten(config).items()):
        default = defaults.get(key)
        if value != default or key not in defaults:
            told = "" if default is None else as_python(default)
            rows.append((key, as_python(value), told, KEYS[key].about if key in KEYS else ""))
    return rows


def _title(run: Summary) -> str:
    """Returns the names of the experiment and of the directory."""
    name = run.directory.resolve().name
    return run.experiment if run.experiment.startswith(name) else f"{name}: {run.experiment}"


def _facts(run: Summary) -> list[tuple[str, str]]:
    """Returns the few numbers at the head of the page, as (name, value)."""
    found = []
    for name in dict.fromkeys((run.main, "test/elbo", "test/bits_per_dim")):
        if name and run.metrics.get(name) is not None:
            unit = UNITS.get(name.partition("/")[2], "")
            told = name.replace("/", " ").replace("_", " ") + (f", {unit}" if unit else "")
            found.append((told, run.figure(name)))
    if run.step is not None:
        found.append(("steps", f"{run.step:,}"))
    if run.seconds is not None:
        found.append(("took", duration(run.seconds)))
    if parameters := run.result.get("parameters"):
        found.append(("parameters", f"{sum(parameters.values()):,}"))
    return found


def _about(run: Summary) -> str:
    model, data = run.config.get("model", {}), run.record.get("data", {})
    said = [f"{model.get('name', 'a model')} of {run.data or 'data'}"]
    if described := data.get("description"):
        said.append(str(described))
    said.append(f"{run.changed:%Y-%m-%d %H:%M}")
    if reason := run.result.get("reason"):
        said.append(f"ended early: {reason}")
    return " · ".join(said)


def _figures(run: Summary) -> tuple[list[str], list[list[str]]]:
    """Returns the header and the rows of the table of figures, a column for each split."""
    names = [name for name in run.metrics if "/" in name and not name.endswith(ASIDE)]
    splits = [s for s in reversed(runs.SPLITS) if any(n.startswith(s) for n in names)]
    splits = [s for s in runs.SPLITS if s in splits]
    own = dict.fromkeys(n.partition("/")[2] for s in splits for n in names if n.startswith(s))
    rows = []
    for name in own:
        if name not in curves.OF_THE_MACHINE:
            unit = f" ({UNITS[name]})" if name in UNITS else ""
            cells = [run.figure(f"{split}{name}") for split in splits]
            rows.append([name.replace("_", " ") + unit, *cells])
    return ["", *(split.rstrip("/") for split in splits)], rows


def _protocol(protocol: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), str(value)) for name, value in protocol.items()]


def _latents(details: Mapping[str, Any], classes: Sequence[str]) -> list[Markup]:
    """Returns charts of the latents' activity, of where examples lie, and of their nats."""
    made = []
    if units := details.get("units"):
        measured = units["counted"] == "units"
        level = 0.01  # see vae/evaluation/diagnostics.py
        listed, total = len(units["latent"]), units["total"]
        made.append(
            svg.columns(
                _numbers(units["value"]),
                title=f"Latent {units['counted']}, the most active first",
                x=f"latent {units['counted']}",
                y="variance of the mean of q(z | x)" if measured else "nats",
                level=level,
                names=[f"z{i}" if measured else f"group {i}" for i in units["latent"]],
                note=f"{units['active']} of {total} are active: above {level}, the dashed line."
                + (f" {listed} of them are drawn." if listed < total else ""),
            )
        )
    if placed := details.get("map"):
        first, second = placed["share"]
        made.append(
            svg.points(
                _grouped(placed, classes),
                title="Where test examples lie",
                x=placed["axes"][0],
                y=placed["axes"][1],
                note="Means of q(z | x)"
                + (" by principal components" if placed["axes"][0] != "z0" else "")
                + f"; the two axes have {(first or 0) + (second or 0):.0%} of their variance.",
            )
        )
    if nats := details.get("nats"):
        shares = [100 * share for share in nats["share"]]
        made.append(
            svg.lines(
                [Series("", _numbers(nats["value"]), shares)],
                title="How improbable test examples are",
                x="−log p(x), nats",
                y="% of examples below",
                marked=True,
                note=_extremes(nats),
            )
        )
    return made


def _grouped(placed: Mapping[str, Any], names: Sequence[str]) -> list[Series]:
    """Returns the examples of each class as points; others, and all without classes, are grey."""
    label = placed.get("label") or [-1] * len(placed["x"])
    called = {x: names[x] if x < len(names) else str(x) for x in label if x >= 0}
    classes = sorted(called)[:GROUPS]
    series = []
    for name in (-1, *classes):
        own = [i for i, x in enumerate(label) if (x if x in classes else -1) == name]
        if own:
            x, y = (_numbers([placed[axis][i] for i in own]) for axis in "xy")
            titles = [f"class {called[label[i]]}" if label[i] >= 0 else "" for i in own]
            colour = classes.index(name) if name in classes else 7 if classes else 0
            said = called[name] if name in classes else "others" if classes else ""
            series.append(Series(said, x, y, titles=titles, colour=colour))
    return series


def _extremes(nats: Mapping[str, Any]) -> str:
    """Returns a sentence with the examples at either end."""

    def told(name: str) -> str:
        pairs = [(i, x) for i, x in nats[name] if i is not None][:3]
        return ", ".join(f"{i} ({number(x)})" for i, x in pairs)

    if not told("highest"):
        return ""
    return f"The least probable are examples {told('highest')}; the most, {told('lowest')}."


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values]


def _cost(run: Summary) -> list[tuple[str, str]]:
    """Returns what the run took, as (name, value)."""
    found = [("hardware", str(run.record.get("hardware", "")))]
    if run.seconds is not None:
        found.append(("time with start-up and evaluation", duration(run.seconds)))
    for name, size in run.result.get("memory", {}).items():
        of = {"host": "most memory of the process", "device": "most memory of a device"}
        found.append((of.get(name, name), f"{size / 2**20:,.0f} MiB"))
    if parameters := run.result.get("parameters"):
        parts = ", ".join(f"{name} {size:,}" for name, size in parameters.items() if size)
        found.append(("parameters", f"{sum(parameters.values()):,}: {parts}"))
    return [(name, value) for name, value in found if value]


def _record(run: Summary) -> list[tuple[str, str]]:
    """Returns what decided the result beside the config, as (name, value)."""
    record, data = run.record, run.record.get("data", {})
    shape = "x".join(map(str, data.get("shape", ())))
    versions = ", ".join(f"{name} {v}" for name, v in record.get("versions", {}).items() if v)
    found = {
        "started": _moment(record.get("time")),
        "data": data.get("description"),
        "an example": f"{shape} {data.get('values', {}).get('kind', '')}".strip(),
        "digest of the data": data.get("digest"),
        "commit": record.get("commit"),
        "packages": versions,
        "python": record.get("python"),
        "platform": record.get("platform"),
        "devices": ", ".join(record.get("devices", ())),
        "own parts": ", ".join(str(each.get("file")) for each in record.get("parts", {}).values()),
        "digest of the weights": run.result.get("params_sha256"),
        "directory": run.directory,
    }
    return [(name, str(value)) for name, value in found.items() if value]


def _moment(text: Any) -> str:
    try:
        return f"{datetime.datetime.fromisoformat(str(text)):%Y-%m-%d %H:%M UTC}"
    except ValueError:
        return ""
