"""What the pages print: every command is understood; those of ```sh blocks run, in their order."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from vae import commands, signature
from vae.command_line import parse
from vae.config import base, flatten
from vae.experiments import find

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += sorted((ROOT / "experiments").glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SECONDS = 900  # a page at most


def blocks(page):
    """The fenced blocks of a page: (language, text)."""
    return BLOCK.findall(page.read_text("utf-8"))


def written(page):
    """The commands on a page, in blocks and in the lines of others that are indented."""
    text = "\n".join(text for language, text in blocks(page) if language != "python")
    text += "\n".join(line for line in page.read_text("utf-8").split("\n") if line[:4] == " " * 4)
    lines = text.replace("\\\n", " ").split("\n")
    for line in lines:
        if found := re.match(r"\s*(?:.* )?(?:vae|python launch\.py) (.*)", line):
            yield shlex.split(found[1], comments=True)


COMMANDS = [(page, words) for page in PAGES for words in written(page)]


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS, ids=[f"{page.stem}: {' '.join(words)}" for page, words in COMMANDS]
)
def test_a_command_is_understood(page, words):
    command, *rest = (word.strip("[]") for word in words if word != "...")
    if command == "help" or ":" in command:
        return
    _, name, file = commands._place(command.replace("-", "_"), rest)
    function = signature.read(file, name)
    values, settings = parse(
        rest, command, function.parameters | commands._shared(function), function.rest
    )
    known = set(flatten(base())) | {f"{key}." for key in settings if "settings." in key}
    assert all(key in known or "settings." in key for key in settings), settings
    if "config" in values and values["config"].parent.name == "experiments":
        find(str(values["config"]))


def test_there_are_commands_on_the_pages():
    assert {page.stem for page, _ in COMMANDS} >= {"README", "runs", "tasks", "sweeps", "data"}


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_prints_runs(page, tmp_path):
    """In an empty directory, where `vae` and the experiments are what is installed."""
    program = tmp_path / "bin" / "vae"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vae "$@"\n')
    program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    work = tmp_path / "work"
    work.mkdir()
    for language, text in blocks(page):
        if language == "sh" and "vae " in text:
            command = ["bash", "-e", "-c", text]
        elif language == "python" and "vae.train(" in text:
            command = [sys.executable, "-c", text]
        else:
            continue
        done = subprocess.run(
            command, cwd=work, env=environment, capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
