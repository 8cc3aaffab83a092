"""Writes gallery.md: every experiment with its first sentence, its command and its picture.

    python docs/make_gallery.py                # after a change of an experiment's docstring
    python docs/make_gallery.py --runs=runs    # also takes pictures from runs/NAME, for each NAME

A picture is the newest of the samples in a run's directory, or of what TELLING names: make that
first by its task. Take them from runs on data that may be passed on.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
from pathlib import Path

from PIL import Image

from vae.config.axes.sets import EMBEDDED
from vae.experiments import load

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "gallery"
EXPERIMENTS = DOCS.parent / "experiments"
LARGEST = 250_000  # bytes of a file
WIDTHS = (1100, 900, 750, 560)  # pixels
SAMPLES = ("samples_*.png", "samples")
# What tells most of a run where that is not its samples: its file, and what it shows.
TELLING = {
    "cells": (
        "map_*.png",
        "a map of the latents of test cells, by `vae probe`: five groups, as there are types; "
        "colours are the batches, which latents need not tell",
    ),
    "disentanglement": (
        "traversal_*.png",
        "a latent in each row, by `vae traverse`, of the variant `beta_vae`",
    ),
    "factor_vae": ("traversal_*.png", "a latent in each row, by `vae traverse`"),
    "moving_digits": (
        "prediction_*.gif",
        "what follows five frames, by `vae predict --first=5 --num=2 --samples=20`: the truth, the "
        "mean of the samples, and three of them",
    ),
    "solids": ("samples_mixture_*.png", "samples, by `vae sample --prior=mixture`"),
    "tables": ("samples_*.png", "samples beside the data, of the variant `wine`"),
    "text": ("samples_*.txt", "samples"),
}
HEAD = """# Gallery

Every experiment of the repository, by its own first sentence. `vae list` prints the same, and each
file says what it found, with which command and on which hardware. A picture is of samples, unless
it says otherwise, after the training that the file tells or a shorter one.
"""
NO_DOWNLOAD, OTHERS = "Without a download", "With data that you bring"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, help="a directory with a run for each experiment")
    if runs := parser.parse_args().runs:
        for file in files():
            take(runs / file.stem, file.stem)
    (DOCS / "gallery.md").write_text(page(), "utf-8")


def files() -> list[Path]:
    return sorted(EXPERIMENTS.glob("*.py"))


def take(run: Path, name: str) -> None:
    """Copies what tells most of a run from its directory, small enough for a page."""
    pattern, _ = TELLING.get(name, SAMPLES)
    found = sorted(run.glob(f"*/{pattern}"), key=lambda path: path.stat().st_mtime)
    if not found:
        return
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob(f"{name}.*"):
        old.unlink()
    content, end = found[-1].read_bytes(), found[-1].suffix
    if end == ".png" and len(content) > LARGEST:
        content, end = small(found[-1]), ".jpg"
    assert len(content) <= LARGEST, f"{found[-1]} is larger than {LARGEST:,} bytes"
    (PICTURES / f"{name}{end}").write_bytes(content)


def small(file: Path) -> bytes:
    """Returns a picture as JPEG, as wide as goes into LARGEST bytes."""
    for width in WIDTHS:
        picture, content = Image.open(file).convert("RGB"), io.BytesIO()
        picture.thumbnail((width, picture.height))
        picture.save(content, "JPEG", quality=88)
        if content.tell() <= LARGEST:
            break
    return content.getvalue()


def page() -> str:
    """The text of the page."""
    groups: dict[str, list[str]] = {NO_DOWNLOAD: [], OTHERS: []}
    for file in files():
        text = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
        name = load(str(file), {}).config.data.name.partition(":")[0]
        group = NO_DOWNLOAD if name in EMBEDDED else OTHERS
        groups[group].append(entry(file.stem, text))
    return "\n".join([HEAD, *(f"## {name}\n\n{''.join(each)}" for name, each in groups.items())])


def entry(name: str, text: str) -> str:
    """What the page says of an experiment with this docstring."""
    title = " ".join(text.split("\n\n")[0].split())
    # The first command, with the lines that it goes on to.
    command = re.search(r"^ +(python launch\.py train (?:.*\\\n)*.*)$", text, re.MULTILINE)
    assert command, f"{name}.py: its docstring has no command that trains it"
    lines = [f"### {name}\n", f"{title}\n"]
    _, what = TELLING.get(name, SAMPLES)
    for path in sorted(PICTURES.glob(f"{name}.*")):
        if path.suffix == ".txt":
            lines.append(f"```text\n{path.read_text('utf-8').strip()}\n```\n")
        else:
            lines.append(f"![{what.partition(',')[0]}](gallery/{path.name})\n")
        if what != "samples":
            lines.append(f"{what[0].upper()}{what[1:]}.\n")
    said = " ".join(command[1].replace("\\\n", " ").split()).replace("python launch.py", "vae")
    return "\n".join([*lines, f"```bash\n{said}\n```\n\n"])


if __name__ == "__main__":
    main()
