"""What a sweep found."""

from __future__ import annotations

from pathlib import Path

from vae.sweeps import record


def write(directory: Path) -> str:
    """Returns a sweep's trials as a table for the terminal."""
    return "\n".join(
        f"{trial.number:04d}  {trial.status:10} {trial.value}  {trial.overrides}"
        for trial in record.trials(directory)
    )
