"""Pairs of examples of one person and of two people: drawn, or listed in a file.

To draw pairs, people are drawn first and then their examples: every person gives the same number of
pairs, or as many as there are, and all people weigh the same. Otherwise a person with a hundred
examples would give almost a thousand times as many pairs as one with four.

A file of pairs has the layout of pairs.txt of Labeled Faces in the Wild (Huang et al. 2007):

    10  300                 folds, and pairs of each kind in a fold (one number: a single fold)
    Ada   1  4              300 pairs of one person: Ada/Ada_0001.jpg and Ada/Ada_0004.jpg
    ...
    Ada   2  Bert  1        300 pairs of two people: Ada/Ada_0002.jpg and Bert/Bert_0001.jpg
    ...                     and so on, fold by fold
"""

from __future__ import annotations

import glob
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.errors import InputError
from vae.files import check_file


class Pairs(NamedTuple):
    """Pairs of examples, by their indices.

    Attributes:
      same: [P, 2], pairs of one person.
      different: [Q, 2], pairs of two people.
      person: [P], the person of each pair of `same`.
    """

    same: np.ndarray
    different: np.ndarray
    person: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """Returns the weights of the pairs `same`, [P], whose sum is 1 for each person."""
        return 1 / np.bincount(self.person)[self.person]


def draw_pairs(who: np.ndarray, number: int, *, seed: int) -> Pairs:
    """Draws pairs without replacement.

    Args:
      who: [N] identities, -1 where unknown.
      number: the most pairs of each kind.
      seed: seed of the choice.

    Raises:
      InputError: no two examples are of one person, or all are.
    """
    rng = np.random.default_rng(seed)
    known = np.flatnonzero(who >= 0)
    groups = [known[who[known] == person] for person in np.unique(who[known])]
    several = [group for group in groups if len(group) > 1]
    if not several or len(groups) < 2:
        raise InputError(
            f"{len(known)} test examples of {len(groups)} people make no pairs of one and of two: "
            "verification needs both."
        )
    chosen = rng.permutation(len(several))[:number]
    each = max(1, number // len(chosen))
    same = [_pairs_of(several[person], each, rng) for person in chosen]
    person = np.arange(len(same)).repeat([len(pairs) for pairs in same])

    # Draw two people first and then an example of each; leave out pairs drawn twice.
    sizes = np.array([len(group) for group in groups])
    people = rng.integers(len(groups), size=8 * number + 64)
    others = (people + rng.integers(1, len(groups), size=len(people))) % len(groups)
    every, starts = np.concatenate(groups), np.cumsum(sizes) - sizes
    examples = [every[starts[w] + rng.integers(sizes[w])] for w in (people, others)]
    different = np.sort(np.stack(examples, axis=1), axis=1)
    _, first = np.unique(different, axis=0, return_index=True)
    different = different[np.sort(first)[:number]]
    return Pairs(np.concatenate(same), different, person)


def _pairs_of(group: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Draws at most `number` different pairs of a group of examples, [n, 2]."""
    total = len(group) * (len(group) - 1) // 2
    index = rng.choice(total, min(number, total), replace=False)
    later = ((1 + np.sqrt(1 + 8 * index)) // 2).astype(int)  # of the pair (i, j), i < j
    return group[np.stack([index - later * (later - 1) // 2, later], axis=1)]


def read_pairs(file: Path, folder: Path) -> tuple[list[Path], list[Pairs]]:
    """Returns the examples that a file of pairs names, and the pairs of each fold.

    Args:
      file: the file, see above.
      folder: the folder that has a folder for each person.

    Raises:
      InputError: the file has another layout, or names an example that is not there.
    """
    try:
        check_file(file)
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--pairs={file} cannot be read as text ({error}).") from None
    rows = [(i, line.split("\t" if "\t" in line else None)) for i, line in enumerate(lines, 1)]
    rows = [(i, [field.strip() for field in row]) for i, row in rows if row and any(row)]
    numbers = [_whole(field) for field in rows[0][1]] if rows else []
    if len(numbers) == 1:
        numbers = [1, *numbers]
    folds, each = numbers if len(numbers) == 2 else (0, 0)
    if folds < 1 or each < 1 or len(rows) != 1 + 2 * folds * each:
        raise InputError(
            f"--pairs={file} must begin with the number of folds and of pairs of each kind in a "
            f"fold, F and P, and then have 2 F P lines; it has {max(0, len(rows) - 1)} lines."
        )
    index: dict[tuple[str, int], int] = {}
    files: list[Path] = []

    def image(name: str, number: str, line: int) -> int:
        key = name, _whole(number)
        if key not in index:
            found = _find(folder, *key)
            if found is None:
                raise InputError(
                    f"{file}, line {line}: there is no {name}/{name}_{key[1]:04d}.jpg in {folder}; "
                    "give the folder of the people's folders as --folder."
                )
            index[key] = len(files)
            files.append(found)
        return index[key]

    found = []
    for i, (line, row) in enumerate(rows[1:]):
        of_one = i % (2 * each) < each
        if of_one and len(row) == 3:
            row = [*row[:2], row[0], row[2]]
        if len(row) != 4 or (row[0] == row[2]) is not of_one or min(map(_whole, row[1::2])) < 0:
            what = "NAME N M, a pair of one person" if of_one else "NAME N OTHER M, a pair of two"
            raise InputError(f"{file}, line {line}, must be {what}.")
        found.append([image(row[0], row[1], line), image(row[2], row[3], line)])
    parts = np.array(found).reshape(folds, 2, each, 2)
    return files, [Pairs(same, different, np.arange(each)) for same, different in parts]


def _whole(text: str) -> int:
    """Returns the whole number in a text; -1 where there is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _find(folder: Path, name: str, number: int) -> Path | None:
    """Returns the file of an example, with any extension; the first of several."""
    places = (folder / name).glob(f"{glob.escape(name)}_{number:04d}.*")
    return min(filter(Path.is_file, places), default=None)
