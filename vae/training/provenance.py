"""What decided the result of a run beside its config: overrides, data, code, versions, devices."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "ml-collections", "clu", "numpy")


def provenance(overrides: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Returns what decided the result beside the config, for `provenance.json`."""
    return {
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": sys.argv,
        "overrides": overrides,
        "data": data,
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "hardware": _hardware(),
        "devices": [f"{d.platform}:{d.device_kind}:{d.id}" for d in jax.devices()],
        "processes": jax.process_count(),
    }


def _hardware() -> str:
    """Returns the devices as text: "2 cores of AMD EPYC 7B13", "8 x NVIDIA H200"."""
    if jax.default_backend() != "cpu":
        return f"{jax.device_count()} x {jax.devices()[0].device_kind}"
    cores, name = os.cpu_count(), platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), name)
    return f"{cores} cores of {name}"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    directory = Path(__file__).resolve().parent
    command = ["git", "-C", str(directory), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None
