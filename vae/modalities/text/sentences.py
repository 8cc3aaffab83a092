"""Cleans text and splits it into sentences.

An example is one line of text: control characters (a NUL among them) and every run of white space
are one space, none stands at its ends, and half of a surrogate pair is U+FFFD.
"""

from __future__ import annotations

import re

_CONTROL = {code: " " for code in (*range(32), *range(127, 160))}
_BROKEN = dict.fromkeys(range(0xD800, 0xE000), "�")

# A sentence ends with one of these marks, and quotes or brackets behind it, before a space.
_END = re.compile(r"""(?<![.!?…])[.!?…]++["'”’)\]]*+(?=\s)|[。！？]""")
# What ends with a point and goes on: a single letter, an abbreviation.
_GOES_ON = re.compile(
    r"""(?:^|[\s("'“‘[])(?:[^\W\d_]|[^\W\d_]\.[^\W\d_]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|cf|Fig|No|Vol"""
    r"""|pp|al|approx|Inc|Ltd|Co|Corp|Gen|Sen|Rep|Gov|Capt|Lt|Col)\.$"""
)
_LOWER = re.compile(r"""\s*["'“‘([]*[a-zß-öø-ÿ,;:]""")


def clean(text: str) -> str:
    """Returns text as the line of an example; "" where nothing is left of it."""
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return " ".join(text.translate(_CONTROL | _BROKEN).split())


def split(text: str) -> list[str]:
    """Returns the sentences of a text of any number of lines, cleaned.

    A sentence ends at ".", "!" or "?" before white space, unless the text goes on in lower case or
    the point belongs to an initial or a common English abbreviation; and at an empty line.
    """
    sentences = []
    for paragraph in re.split(r"\n\s*\n", text):
        start = 0
        for end in _END.finditer(paragraph):
            before = paragraph[max(start, end.end() - 20) : end.end()]
            if _LOWER.match(paragraph, end.end()) or _GOES_ON.search(before):
                continue
            sentences.append(paragraph[start : end.end()])
            start = end.end()
        sentences.append(paragraph[start:])
    return [sentence for sentence in map(clean, sentences) if sentence]
