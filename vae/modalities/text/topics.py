"""Sentences about Python, which every Python has: its own language reference, `pydoc_data.topics`.

What is no prose (titles, grammar, code, lists of versions) is left out, the marks of
reStructuredText are taken off, and sentences of 3 to 40 words are kept, each once. Other versions
of Python have other sentences.
"""

from __future__ import annotations

import re

from vae.modalities.text import sentences

NAME = "topics"
FEWEST, MOST = 3, 40  # words

_RULE = re.compile(r"[*=\-~^+#\"]{3,}")  # a line below a title
_BULLET = re.compile(r"\s*(?:[*+-]|\(?(?:\d+|[a-z])[.)])\s+|CPython implementation detail:\s*")
_MARKED = re.compile(r"\*\*?([^*\s][^*]*)\*\*?|“([^”]+)”|``?([^`]+)``?|\"([^\"]*)\"")
_PROSE = re.compile(r"[A-Z][\w'.-]*,? .*[a-z].*[.!?]")
_CODE = re.compile(r"[<>=|{}\\@#~^`$%&+*\"\[\]]|::|\.\.\.|(?<![a-z0-9_])\(\)|https?:|[^\x20-\x7e]")
_NOTE = re.compile(r"(?:New|Changed|Deprecated|Added) in version|Source code")


def read() -> list[str]:
    """Returns the sentences, in the order of the topics' names."""
    from pydoc_data.topics import topics

    found: dict[str, None] = {}
    for _, text in sorted(topics.items()):
        for block in re.split(r"\n\s*\n", text):
            found.update(dict.fromkeys(filter(_is_prose, sentences.split(_plain(block)))))
    return list(found)


def _plain(block: str) -> str:
    """Returns the prose of a paragraph in one line, without marks; "" for a title."""
    lines = [line.strip() for line in block.split("\n") if line.strip()]
    if any(_RULE.fullmatch(line) for line in lines):
        return ""
    text = re.sub(r"(?<=[a-z]-) ", "", " ".join(lines))  # a word that a line's end divides
    text = re.sub(r" ?\[\d+\]", "", text)  # a footnote
    while bullet := _BULLET.match(text):
        text = text[bullet.end() :]
    return _MARKED.sub(r"\1\2\3\4", text).translate({ord("’"): "'", ord("‘"): "'"})


def _is_prose(sentence: str) -> bool:
    if not FEWEST <= len(sentence.split()) <= MOST or not _PROSE.fullmatch(sentence):
        return False
    return not (_CODE.search(sentence) or _NOTE.search(sentence))
