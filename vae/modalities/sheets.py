"""What a person is given of examples: a picture, and what is read or heard beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vae.files import whole
from vae.modalities import pictures


class Sheet(NamedTuple):
    """Examples, made for a person.

    Attributes:
      picture: [H, W, 3] uint8.
      text: the same as lines of text, where examples are read; "" where they are looked at.
      files: the contents of files of a format of its own, for what a picture cannot hold, by the
        ends of their names: ".csv"; "/03.wav" is a file in a folder with the picture's name. A
        .wav file is also heard in TensorBoard and trackers.
    """

    picture: np.ndarray
    text: str = ""
    files: Mapping[str, bytes] = {}

    def sounds(self) -> dict[str, bytes]:
        """Returns the .wav files by name: "03" of "/03.wav", "sound" of ".wav"."""
        return {
            end.strip("/_").removesuffix(".wav") or "sound": content
            for end, content in self.files.items()
            if end.endswith(".wav")
        }

    def save(self, path: Path) -> list[Path]:
        """Writes the picture at `path`, a .png, the text as .txt and the files beside it.

        Returns the paths written, the picture first; a folder stands for the files in it.
        """
        pictures.save(self.picture, path)
        text = {".txt": f"{self.text}\n".encode()} if self.text else {}
        paths = [path]
        for end, content in {**text, **self.files}.items():
            with whole(path.parent / f"{path.stem}{end}") as file:
                file.write(content)
            paths.append(path.parent / f"{path.stem}{end.split('/')[0]}")
        return list(dict.fromkeys(paths))


def along(latent: str, values: np.ndarray) -> list[str]:
    """Returns titles of columns or rows along a latent: "z0 -1.50"."""
    return [f"{latent} {value:.2f}" for value in values]


def in_rows(
    x: np.ndarray, before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Returns x [R, C, *shape] with the examples [R, *shape] that stand at either end of a row."""
    return np.stack([*before.values(), *np.moveaxis(x, 1, 0), *after.values()], axis=1)
