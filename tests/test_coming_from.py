"""The page for people who come from other libraries names keys, commands and choices that exist."""

import re
from pathlib import Path

from vae.commands import COMMANDS
from vae.config.keys import KEYS

PAGES = Path(__file__).resolve().parents[1] / "docs"


def test_the_keys_and_commands_on_the_new_pages_exist():
    sections = {key.split(".")[0] for key in KEYS} - {"seed"}
    for page in ("coming_from.md", "figures.md", "start.md"):
        lines = (PAGES / page).read_text("utf-8").splitlines()
        # The first column of a table has what other libraries call it.
        text = "\n".join(re.sub(r"^\|.*?[^\\]\|", "", line) for line in lines)
        keys = re.findall(rf"`(?:config\.)?((?:{'|'.join(sections)})\.\w+)", text)
        keys += re.findall(rf"--config\.((?:{'|'.join(sections)})\.\w+)", text)
        assert keys and not set(keys) - set(KEYS), sorted(set(keys) - set(KEYS))
        commands = re.findall(r"`vae (\w+)", text) + re.findall(r"^vae (\w+)", text, re.MULTILINE)
        assert not set(commands) - set(COMMANDS) - {"help"}
