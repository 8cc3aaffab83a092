"""A run as a small directory: weights in safetensors, config, facts of the data, figures, card.

`vae.load` takes it in the place of the run directory, and what it computes is the same to the bit.
It has no optimizer state, no log and no path of the machine that it was made on: paths in its
config are names alone, and where the data are now is said by `--config.data.path`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vae.config import to_dict
from vae.run import Run
from vae.training import facts, tensors
from vae.training.arrays import digest
from vae.training.directory import read_json, write_json

KEPT = ("time", "data", "commit", "python", "versions", "hardware")  # of provenance.json
PATHS = {"data": ("path", "manual_dir"), "training": ("pretrained",)}  # keys that are paths


def write(run: Run, folder: Path) -> list[Path]:
    """Writes a run into a folder and returns the paths of its files.

    The weights come last, so that a folder with weights is whole.
    """
    about = {"step": str(run.step), "params_sha256": digest(run.params), "format": "vae"}
    write_json(folder / "config.json", config_of(run))
    facts.write(record_of(run), run.event.codec, folder)
    made = [folder / "config.json", folder / facts.FILE]
    made += [folder / facts.CODEC] if run.event.codec else []
    if result := read_json(run.workdir / "result.json"):
        write_json(folder / "result.json", result)
        made.append(folder / "result.json")
    return [*made, tensors.write(folder, run.variables, about)]


def config_of(run: Run) -> dict[str, Any]:
    """Returns the resolved config, with the names alone of paths."""
    config = to_dict(run.config)
    for section, keys in PATHS.items():
        for key in keys:
            if config[section].get(key):
                config[section][key] = Path(config[section][key]).name
    return config


def record_of(run: Run) -> dict[str, Any]:
    """Returns provenance.json without the machine's paths; parts of one's own are named by file."""
    record = read_json(run.workdir / facts.FILE) or {}
    kept = {name: record[name] for name in KEPT if name in record}
    words = [word for word in record.get("command", ()) if word.startswith("--config=")]
    kept["command"] = [f"--config={Path(word.partition('=')[2]).name}" for word in words]
    parts = record.get("parts", {})
    if parts:
        kept["parts"] = {
            name: each | {"file": Path(each["file"]).name} for name, each in parts.items()
        }
    return kept
