"""The model card: README.md of an exported directory, with the metadata that the hub reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2

from vae.config import base, differences, to_dict
from vae.export.safetensors_directory import config_of
from vae.files import whole
from vae.run import Run
from vae.terminal import number
from vae.training.arrays import sizes
from vae.training.directory import read_json, read_result

FILE, PICTURE = "README.md", "samples.png"
SAMPLES = 16
SHOWN = ("nll", "elbo", "bits_per_dim", "kl", "active_units", "accuracy")  # of the splits
UNITS = {"nll": "nats per example", "elbo": "nats per example", "kl": "nats per example"}


def write(run: Run, folder: Path, license: str | None) -> list[Path]:
    """Writes the card and a picture of samples beside it, and returns the paths."""
    title = f"{SAMPLES} samples of the prior, step {run.step:,}"
    sheet = run.modality.sheet(run.sample(SAMPLES), run.event, title)
    paths = sheet.save(folder / PICTURE)
    with whole(folder / FILE, "w") as file:
        file.write(text_of(run, license))
    return [folder / FILE, *paths]


def text_of(run: Run, license: str | None) -> str:
    """Returns the card.

    Args:
      run: the run.
      license: of the weights; None where none was given.
    """
    result = read_result(run.workdir) or {}
    record = read_json(run.workdir / "provenance.json") or {}
    figures = _figures(result.get("metrics", {}))
    name = run.config.data.name or Path(run.config.data.path).name
    title = f"{run.config.model.name} of {name}"
    metadata = {
        "library_name": "vae-experiments",
        "tags": ["vae", "variational-autoencoder", "jax", "flax", run.modality.NAME],
        **({"license": license} if license else {}),
        **({"model-index": _index(title, name, figures)} if figures else {}),
    }
    template = jinja2.Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    ).from_string(Path(__file__).with_suffix(".md").read_text("utf-8"))
    return template.render(
        # JSON is YAML.
        metadata={name: json.dumps(value) for name, value in metadata.items()},
        title=title,
        model=f"model.name={run.config.model.name}",
        data=name,
        step=f"{run.step:,}",
        figures=[(_called(key), number(x), _error(e)) for key, x, e in figures],
        protocol=result.get("protocol", {}),
        shape=f"[16, {', '.join(map(str, run.event.shape))}]",
        description=str(run.data.get("description", name)).rstrip("."),
        digest=run.data.get("digest", "unknown"),
        limits=_limits(run, result),
        changed=_changed(run),
        parameters=sizes(run.params),
        made=_made(record, result),
        license=license or "No licence was given: ask whoever made it.",
    )


def _figures(metrics: dict[str, Any]) -> list[tuple[str, float, float | None]]:
    """Returns the figures that are shown, with their errors, the test's before validation's."""
    names = [f"{split}/{name}" for split in ("test", "valid") for name in SHOWN]
    return [
        (name, metrics[name], metrics.get(f"{name}_stderr"))
        for name in names
        if metrics.get(name) is not None
    ]


def _called(name: str) -> str:
    unit = UNITS.get(name.partition("/")[2])
    return f"`{name}`, {unit}" if unit else f"`{name}`"


def _error(error: float | None) -> str:
    return "" if error is None else f"{error:.2g}"


def _index(title: str, data: str, figures: list[tuple[str, float, float | None]]) -> list[Any]:
    """Returns the results as the hub lists them."""
    metrics = [{"type": name, "name": name, "value": value} for name, value, _ in figures]
    result = {
        "task": {"type": "density-estimation", "name": "density estimation"},
        "dataset": {"type": data, "name": data},
        "metrics": metrics,
    }
    return [{"name": title, "results": [result]}]


def _changed(run: Run) -> dict[str, str]:
    """Returns the keys that differ from their defaults, as the exported config has them."""
    usual, config = to_dict(base()), config_of(run)
    return {
        key: change.split(" -> ")[-1].replace("|", "\\|")
        for key, change in differences(usual, config).items()
    }


def _limits(run: Run, result: dict[str, Any]) -> list[str]:
    train = run.data.get("train")
    limits = [
        "It knows what is in its training data and nothing else, with their errors and their "
        "imbalances. What is rare among "
        + (f"its {train:,} examples" if train else "them")
        + " is rare or wrong in its samples.",
        "Samples may resemble training examples; `vae nearest` compares them.",
        "Figures are those of the test split named above, and hold for no other data.",
    ]
    if run.event.values.kind == "real":
        limits.append(
            "log p is a density of real numbers, whose value depends on their unit: compare it "
            "only with figures of the same data in the same unit."
        )
    if not run.model.encodes:
        limits.append("It cannot encode examples, only draw them.")
    if result.get("status", "completed") != "completed":
        limits.append(f"Its training did not end as planned: {result['status']}.")
    parts = (read_json(run.workdir / "provenance.json") or {}).get("parts", {})
    if parts:
        files = ", ".join(Path(each["file"]).name for each in parts.values())
        limits.append(f"It needs {files}, code of its author that is not in this directory.")
    return limits


def _made(record: dict[str, Any], result: dict[str, Any]) -> str:
    when = str(record.get("time", ""))[:10]
    versions = record.get("versions", {})
    with_ = ", ".join(f"{name} {versions[name]}" for name in ("jax", "flax") if versions.get(name))
    seconds = result.get("seconds")
    said = [
        f"on {when}" if when else "",
        f"on {record['hardware']}" if record.get("hardware") else "",
        f"in {seconds / 60:.1f} minutes" if seconds else "",
        f"with {with_}" if with_ else "",
        f"at commit `{record['commit'][:12]}`" if record.get("commit") else "",
    ]
    return ", ".join(filter(None, said)) or "at a time that was not recorded"
