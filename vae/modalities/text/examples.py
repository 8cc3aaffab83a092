"""Texts as examples: kept as text until the splits are cut, then tokens by the training set.

An example has T positions of one token each, <eos> among them. T is `data.max_length` or, where
that is 0, the length of the longest training example. A longer example is cut to its first T tokens
and then has no <eos>, for it does not end there.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from vae.data.examples import ArrayExamples, Examples, Fitted, Raw, Source, rows_at
from vae.data.labels import classes_of
from vae.data.splits import digest, order
from vae.errors import InputError
from vae.modalities.text.sentences import clean
from vae.modalities.text.tokens import EOS, UNK, encode, padded, tokenizer_of, trained
from vae.probability.event import Event, Values

logger = logging.getLogger(__name__)

SPLITS = ("train", "valid", "test")
CHANCE = 20  # tokens of a text that two people may write


@dataclass(frozen=True)
class TextExamples(Examples):
    """N texts.

    Attributes:
      texts: [N] of str, cleaned, none of them empty.
      labels: classes [N] int32 (-1: none) or attributes [N, A] float32.
      identities: [N] int32, or None.
    """

    texts: np.ndarray
    labels: np.ndarray
    identities: np.ndarray | None = None
    shape: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.texts)

    def read(self, indices: np.ndarray) -> tuple[Raw, np.ndarray]:
        return Raw(self.texts[indices], self.labels[indices]), np.ones(len(indices), bool)

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield self.labels.tobytes()
        for text in self.texts[sample]:
            yield text.encode()

    def take(self, indices: np.ndarray) -> TextExamples:
        identities = rows_at(self.identities, indices)
        return TextExamples(self.texts[indices], self.labels[indices], identities)

    def ordered(self) -> TextExamples:
        """Returns the examples sorted by content."""
        marks = [
            (digest(text.encode()), label.tobytes())
            for text, label in zip(self.texts, self.labels, strict=True)
        ]
        return self.take(order(marks))


@dataclass(frozen=True)
class TokenExamples(ArrayExamples):
    """Texts as tokens [N, T, 1]. Short ones that two sets share are chance, and no duplicates."""

    @staticmethod
    def marks(splits: Sequence[ArrayExamples]) -> Sequence[Sequence[Hashable]] | None:
        found = ArrayExamples.marks(splits)
        if found is None:
            return None
        long = [(examples.values[..., 0] >= 0).sum(1) > CHANCE for examples in splits]
        return [
            [mark for mark, kept in zip(marks, chosen, strict=True) if kept]
            for marks, chosen in zip(found, long, strict=True)
        ]


def as_texts(lines: Sequence[str]) -> np.ndarray:
    """Returns cleaned texts as an array [N] of str."""
    found = np.empty(len(lines), object)
    found[:] = list(lines)
    return found


def source(
    splits: Mapping[str, TextExamples], description: str, config: ConfigDict, **known: Any
) -> Source:
    """Returns a source of texts, each split in its canonical order.

    Args:
      splits: the base splits.
      description: the data, for messages.
      config: the section `data`.
      **known: what else a `Source` has, `num_classes` among it.

    Raises:
      InputError: a split has no text.
    """
    for name, examples in splits.items():
        if not len(examples):
            raise InputError(
                f"{description}: {name} has no text in it: give some, or leave it out."
            )
    return Source(
        splits={name: splits[name].ordered() for name in SPLITS if name in splits},
        values=Values("tokens", missing=True),
        description=description,
        fit=functools.partial(
            fit,
            kind=config.tokens,
            vocabulary=config.vocabulary,
            max_length=config.max_length,
            what=description,
        ),
        **known,
    )


def labelled(
    texts: Mapping[str, Sequence[str]],
    labels: Mapping[str, Any],
    description: str,
    config: ConfigDict,
) -> Source:
    """Returns a source of texts with labels, see `classes_of`; those without a text are left out.

    Raises:
      InputError: labels are no classes, or a split has no text.
    """
    cleaned = {name: as_texts([clean(text) for text in found]) for name, found in texts.items()}
    found, _, classes, number, attributes = classes_of(labels, cleaned, description)
    left_out = sum(int((x == "").sum()) for x in cleaned.values())
    if left_out:
        logger.info("%s: left out %d examples without text", description, left_out)
    splits = {name: TextExamples(x[x != ""], found[name][x != ""]) for name, x in cleaned.items()}
    known = {"num_classes": number, "classes": classes, "attributes": attributes}
    return source(splits, description, config, **known)


def fit(
    splits: Mapping[str, Any],
    like: Event | None,
    *,
    kind: str,
    vocabulary: int,
    max_length: int,
    what: str,
) -> Fitted:
    """Returns texts as tokens, by the training set or by the tokenizer and the length of `like`.

    Logs what the tokens are, how many are unknown, and how many examples and tokens were cut.

    Args:
      splits: the texts by split, "train" among them if there is no `like`.
      like: the event of a run, or None.
      kind: see `tokens.trained`.
      vocabulary: see `tokens.trained`.
      max_length: T, or 0.
      what: the data, for messages.

    Raises:
      InputError: the tokens do not fit into memory.
    """
    if like:
        tokenizer = tokenizer_of(like.codec)
    else:
        tokenizer = trained(splits["train"].texts, kind, vocabulary)
    tokens = {name: encode(examples.texts, tokenizer) for name, examples in splits.items()}
    length = like.places[0] if like else max_length or max(map(len, tokens["train"]))
    levels = tokenizer.get_vocab_size()
    _report(tokens, kind, levels, what)
    _report_cut(tokens, length, what, "" if like else "; data.max_length says where")
    made = {
        name: TokenExamples(
            Raw(padded(tokens[name], length, levels, f"{what}: {name}"), examples.labels),
            np.ones(len(examples), bool),
            identities=examples.identities,
        )
        for name, examples in splits.items()
    }
    values = Values("tokens", levels=levels, high=levels - 1, end=EOS)
    return Fitted(made, values, tokenizer.to_str())


def _report(tokens: Mapping[str, list[np.ndarray]], kind: str, levels: int, what: str) -> None:
    said = []
    for name, found in tokens.items():
        lengths = np.array([len(row) for row in found])
        unknown = sum(int((row == UNK).sum()) for row in found) / lengths.sum()
        share = f", {unknown:.2%} <unk>" if unknown else ""
        said.append(f"{name} {lengths.sum():,} in {len(found):,} examples{share}")
    logger.info("%s: a vocabulary of %s %s; tokens: %s", what, f"{levels:,}", kind, "; ".join(said))


def _report_cut(tokens: Mapping[str, list[np.ndarray]], length: int, what: str, hint: str) -> None:
    lengths = np.array([len(row) for found in tokens.values() for row in found])
    beyond = np.maximum(lengths - length, 0)
    if beyond.any():
        logger.info(
            "%s: %d of %d examples are longer than %d tokens and are cut, which leaves out %d of "
            "%d tokens%s",
            *(what, (beyond > 0).sum(), len(lengths), length, beyond.sum(), lengths.sum(), hint),
        )
