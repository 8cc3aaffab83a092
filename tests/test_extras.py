"""The extras of pyproject.toml can be installed: pip finds a set of packages that go together."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow  # it asks the package index for every version that it considers
@pytest.mark.parametrize("extra", ["cuda", "tpu", "slurm", "ray", "prepare", "trackers"])
def test_an_extra_resolves(extra):
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--report=-"]
    done = subprocess.run([*command, f"{ROOT}[{extra}]"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    wanted = {
        **{"cuda": "jax-cuda13-plugin", "tpu": "libtpu", "slurm": "submitit", "ray": "ray"},
        "trackers": "aim",
        "prepare": "tensorflow-cpu" if platform.machine() == "x86_64" else "tensorflow",
    }
    installed = f'"name": "{wanted[extra]}"' in done.stdout
    assert installed or _is_installed(wanted[extra])


def _is_installed(package):
    show = [sys.executable, "-m", "pip", "show", "--quiet", package]
    return subprocess.run(show, capture_output=True).returncode == 0
