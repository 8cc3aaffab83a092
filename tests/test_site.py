"""The pages of the documentation's site: all are found, and name what exists."""

import importlib.util
import re
from pathlib import Path

from vae.commands import COMMANDS
from vae.config.keys import KEYS

DOCS = Path(__file__).resolve().parents[1] / "docs"


def test_every_page_is_in_the_contents():
    listed = []
    for index in (DOCS / "index.md", DOCS / "tutorials" / "index.md"):
        for block in re.findall(r"```\{toctree\}\n(.*?)```", index.read_text("utf-8"), re.DOTALL):
            names = (line for line in block.split("\n") if line and not line.startswith(":"))
            listed += [(index.parent / f"{name}.md").resolve() for name in names]
    assert sorted(listed) == sorted(set(DOCS.glob("**/*.md")) - {DOCS / "index.md"})


def test_the_gallery_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_gallery", DOCS / "make_gallery.py")
    gallery = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gallery)
    written = (DOCS / "gallery.md").read_text("utf-8")
    assert written == gallery.page(), "run python docs/make_gallery.py"


def test_the_keys_and_commands_on_pages_exist():
    sections = {key.split(".")[0] for key in KEYS} - {"seed"}
    for page in ("coming_from.md", "figures.md", "start.md"):
        lines = (DOCS / page).read_text("utf-8").splitlines()
        # The first column of a table has what other libraries call it.
        text = "\n".join(re.sub(r"^\|.*?[^\\]\|", "", line) for line in lines)
        keys = re.findall(rf"`(?:config\.)?((?:{'|'.join(sections)})\.\w+)", text)
        keys += re.findall(rf"--config\.((?:{'|'.join(sections)})\.\w+)", text)
        assert keys and not set(keys) - set(KEYS), sorted(set(keys) - set(KEYS))
        commands = re.findall(r"`vae (\w+)", text) + re.findall(r"^vae (\w+)", text, re.MULTILINE)
        assert not set(commands) - set(COMMANDS) - {"help"}
