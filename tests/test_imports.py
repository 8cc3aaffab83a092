"""Imports only point up the list of packages; a misplaced one fails here by name."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "vae"
ORDER = (
    "errors",
    "files",
    "terminal",
    "annotations",
    "signature",
    "command_line",
    "config",
    "experiments",
    "probability",
    "data",
    "networks",
    "rules",
    "models",
    "parts",
    "modalities",
    "training",
    "compression",
    "tasks.output",
    "evaluation",
    "compiled",
    "run",
    "loading",
    "experiment",
    "report",
    "train",
    "dry_run",
    "lr_range",
    "population",
    "tasks",
    "modalities.images.tasks",
    "modalities.counts.tasks",
    "modalities.video.tasks",
    "report.complete",
    "report.lr_range",
    "report.rate_distortion",
    "explorer",
    "export",
    "sweeps",
    "experiment_commands",
    "run_commands",
    "commands",
    "__main__",
)


def imported(tree):
    """Names of the parts of vae that a module imports at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            if node.module == "vae":
                yield from (alias.name for alias in node.names)
            elif node.module.startswith("vae."):
                yield node.module.removeprefix("vae.")
        elif isinstance(node, ast.Import):
            yield from (
                a.name.removeprefix("vae.") for a in node.names if a.name.startswith("vae.")
            )


def rank(module):
    """The place in the order of the longest part of a module's name that has one."""
    names = module.split(".")
    return next(
        ORDER.index(name)
        for name in (".".join(names[:end]) for end in range(len(names), 0, -1))
        if name in ORDER
    )


@pytest.mark.parametrize(
    "path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_imports_point_up(path):
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    if module == "__init__":
        return
    for name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        assert rank(name) <= rank(module), f"{path} imports vae.{name}"


def test_train_is_a_function_before_and_after_its_module_is_imported():
    program = (
        "import sys, vae\n"
        "assert 'jax' not in sys.modules\n"
        "train = vae.train\n"
        "from vae.train import train as imported\n"
        "assert callable(train) and train is imported is vae.train\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    program = "from vae.train import train\nimport vae\nassert train is vae.train"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_sweep_starts_without_models_or_jax():
    """It knows the command line, configs and run directories; its jobs know the rest."""
    needed = {"ray": "ray", "slurm": "submitit"}  # by executors, and not always installed
    modules = [
        ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        for path in sorted((ROOT / "sweeps").rglob("*.py"))
        if path.stem not in needed or importlib.util.find_spec(needed[path.stem])
    ]
    program = (
        "import importlib, sys\n"
        f"for name in {modules}:\n"
        "    importlib.import_module(name)\n"
        "found = {'jax', 'flax', 'vae.models'} & set(sys.modules)\n"
        "assert not found, found\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_every_folder_of_the_package_is_one():
    """Only those with an `__init__.py` are installed."""
    folders = {path.parent for path in ROOT.rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]
