"""Writes gallery.md: every experiment with its first sentence, its command and its picture.

    python docs/make_gallery.py                # after a change of an experiment's docstring
    python docs/make_gallery.py --runs=runs    # also takes pictures from runs/NAME, for each NAME

A picture is the newest of the samples in a run's directory. Take them from runs on data that may be
passed on.
"""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

from PIL import Image

from vae.config.axes.sets import EMBEDDED
from vae.experiments import load

DOCS = Path(__file__).resolve().parent
PICTURES = DOCS / "gallery"
EXPERIMENTS = DOCS.parent / "experiments"
WIDTH = 560  # pixels, at most
HEAD = """# Gallery

Every experiment of the repository, by its own first sentence. `vae list` prints the same, and each
file says what it found, with which command and on which hardware. A picture is of samples, after
the training that the file tells or a shorter one.
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
    """Copies the newest picture of samples in a run's directory, small enough for a page."""
    found = sorted(run.glob("**/samples*.*"), key=lambda path: path.stat().st_mtime)
    found = [path for path in found if path.suffix in (".png", ".gif")]
    if not found:
        return
    PICTURES.mkdir(exist_ok=True)
    if found[-1].suffix == ".gif":
        (PICTURES / f"{name}.gif").write_bytes(found[-1].read_bytes())
        return
    picture = Image.open(found[-1]).convert("RGB")
    picture.thumbnail((WIDTH, WIDTH))
    picture.save(PICTURES / f"{name}.jpg", quality=88)


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
    lines += [f"![samples](gallery/{path.name})\n" for path in sorted(PICTURES.glob(f"{name}.*"))]
    said = " ".join(command[1].replace("\\\n", " ").split()).replace("python launch.py", "vae")
    return "\n".join([*lines, f"```bash\n{said}\n```\n\n"])


if __name__ == "__main__":
    main()
