"""Text to tokens and back: words, byte pairs or bytes.

| `data.tokens` | a token                                                                        |
|---------------|--------------------------------------------------------------------------------|
| words         | what stands between white space; the most frequent of the training set         |
| bpe           | a sequence of bytes, merged from more frequent pairs (Sennrich et al. 2016)    |
| bytes         | a byte of UTF-8                                                                |

Token 0 is <eos>, the end of an example, which every example has and which counts. Token 1 is <unk>,
a word that is not in the vocabulary; the words "<unk>" in a text are it as well. A word "<eos>" in
a text is left out. Examples shorter than the longest are filled with -1.

All three are a tokenizer of the `tokenizers` library, which is kept as JSON (`Event.codec`). Bytes
and pairs write any text, so nothing is unknown to them.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from vae.files import check_memory
from vae.modalities.text.sentences import clean
from vae.probability.event import Event

EOS, UNK, MISSING = 0, 1, -1
SPECIAL = ("<eos>", "<unk>")
BYTES = len(SPECIAL) + 256  # the tokens of any text
CHUNK = 4096  # texts encoded at once
_LONG = re.compile(r"(\S{256})")


def trained(texts: Iterable[str], kind: str, vocabulary: int) -> Tokenizer:
    """Returns the tokenizer of a training set, always the same for the same texts.

    Args:
      texts: the training set, cleaned.
      kind: "words", "bpe" or "bytes".
      vocabulary: the most tokens, <eos> and <unk> among them; bytes are 258, and pairs no fewer.
    """
    if kind == "words":
        return _words(texts, vocabulary)
    tokenizer = Tokenizer(models.BPE())
    # Each word begins with its space, the first one too, so that it is the same token anywhere.
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(
        add_prefix_space=kind == "bpe", use_regex=kind == "bpe"
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=BYTES if kind == "bytes" else max(vocabulary, BYTES),
        special_tokens=[AddedToken(token, special=True) for token in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    # Counting the pairs of a word takes the square of its length: long ones are taught in pieces.
    taught = (_LONG.sub(r"\1 ", text) for text in texts) if kind == "bpe" else ()
    tokenizer.train_from_iterator(taught, trainer)
    return tokenizer


def _words(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    counts = Counter(word for text in texts for word in text.split())
    for token in SPECIAL:
        counts.pop(token, None)
    frequent = sorted(counts, key=lambda word: (-counts[word], word))
    known = (*SPECIAL, *frequent[: vocabulary - len(SPECIAL)])
    numbers = {word: i for i, word in enumerate(known)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=SPECIAL[UNK]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


@functools.lru_cache(maxsize=4)
def tokenizer_of(codec: str) -> Tokenizer:
    """Returns the tokenizer that `Event.codec` describes."""
    return Tokenizer.from_str(codec)


def encode(texts: Sequence[str], tokenizer: Tokenizer) -> list[np.ndarray]:
    """Returns the tokens of each text, cleaned or not, with <eos> at the end."""
    found = []
    for start in range(0, len(texts), CHUNK):
        chunk = [clean(text) for text in texts[start : start + CHUNK]]
        for encoding in tokenizer.encode_batch_fast(chunk, add_special_tokens=False):
            tokens = np.array(encoding.ids, np.int32)
            found.append(np.append(tokens[tokens != EOS], np.int32(EOS)))
    return found


def padded(tokens: Sequence[np.ndarray], length: int, levels: int, what: str) -> np.ndarray:
    """Returns tokens of N texts as an array [N, T, 1], cut to T or filled with -1.

    Args:
      tokens: the tokens of each text.
      length: T.
      levels: the size V of the vocabulary, which decides the type, int16 or int32.
      what: the texts, for the message.

    Raises:
      InputError: the array does not fit into this machine's memory.
    """
    dtype = np.dtype(np.int16 if levels <= np.iinfo(np.int16).max else np.int32)
    size = len(tokens) * length * dtype.itemsize
    check_memory(size, f"{what}, each filled up to {length:,} tokens (data.max_length),")
    filled = np.full((len(tokens), length, 1), MISSING, dtype)
    for row, found in zip(filled, tokens, strict=True):
        row[: len(found), 0] = found[:length]
    return filled


def texts(x: Any, event: Event) -> np.ndarray:
    """Returns tokens x [..., T, 1] as lines of text: an array [...] of str.

    A text ends before <eos>, or where tokens are missing, -1 or NaN. Bytes that are no UTF-8 become
    U+FFFD.
    """
    tokens = np.nan_to_num(np.asarray(x)[..., 0], nan=MISSING).astype(np.int64)
    rows = tokens.reshape(-1, tokens.shape[-1])
    ends = (rows == EOS) | (rows < 0)
    lengths = np.where(ends.any(1), ends.argmax(1), rows.shape[1])
    kept = [row[:length].tolist() for row, length in zip(rows, lengths, strict=True)]
    lines = tokenizer_of(event.codec).decode_batch(kept, skip_special_tokens=False)
    found = np.empty(len(lines), object)
    found[:] = [clean(line) for line in lines]
    return found.reshape(tokens.shape[:-1])
