"""Pages of HTML from the templates in `pages/`: one file each, which opens without a network.

A template extends "base.html" and fills its blocks: `header`, `main`, `end`, and `style`, `head`
and `policy` where a page needs more. Whatever a template is given is escaped, but for `Markup`,
such as the charts of `svg.py`.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from vae.files import whole

TEMPLATES = Path(__file__).with_name("pages")


@functools.cache
def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"code": code, "breakable": breakable, "words": words}
    return made


def breakable(key: str) -> Markup:
    """Returns a dotted key that a narrow page may break after a dot or an underscore."""
    return Markup(re.sub("([._])", r"\1<wbr>", str(escape(key))))


def words(command: str) -> Markup:
    """Returns a command that a page breaks between its words, and not after their hyphens."""
    return Markup(re.sub(r"(\S+)", r'<span class="word">\1</span>', str(escape(command))))


def code(text: str) -> Markup:
    """Returns a sentence with what stands between backticks as code."""
    return Markup(re.sub("`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def render(template: str, **values: Any) -> str:
    """Returns a page.

    Args:
      template: the name of a file in `pages/`.
      **values: what it is given; `title` is the page's title.
    """
    return _environment().get_template(template).render(values)


def write(path: Path, template: str, **values: Any) -> None:
    """Writes a page as a whole or not at all, see `render`."""
    text = render(template, **values)
    with whole(path, "w") as file:
        file.write(text)
