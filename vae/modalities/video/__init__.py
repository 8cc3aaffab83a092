"""Clips [T, H, W, C], grey or coloured: how they are read, and shown as rows of frames and played.

| what is there                                       | reader          |
|-----------------------------------------------------|-----------------|
| name "moving_digits"                                | `drawn.py`      |
| a directory, a zip or a tar with video files        | `folder.py`     |
| with data.modality = "video":                       |                 |
|   animated GIFs, folders of frames                  | `folder.py`     |
|   an .npy file, arrays [N, T, H, W] and with C      | `user_files.py` |

Clips are cut to `data.frames`; those that have fewer lack frames, which no figure counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from ml_collections import ConfigDict

from vae.data import arrays as saved
from vae.data import places
from vae.data.examples import Source
from vae.errors import readable
from vae.files import user_path
from vae.modalities.images.decoding import fit_of
from vae.modalities.video import drawn, folder, form, user_files
from vae.modalities.video.clips import CLIPS, VIDEOS
from vae.modalities.video.show import (
    animate,
    code_length,
    file,
    likeness,
    media,
    perceived,
    script,
    sheet,
    surface,
    table,
    texts,
)
from vae.modalities.video.user_files import check, fitted, read_files
from vae.probability.event import Event

NAME = "video"
COMPARES = False
SETS = (*saved.SUFFIXES, *places.ARCHIVES)
READS = "videos (.mp4, .avi, .webm, ...) in a directory, a zip or a tar"


def read(config: ConfigDict, like: Event | None = None) -> Source | None:
    """See `vae/modalities`."""
    if not config.path:
        if config.name != "moving_digits":
            return None
        return drawn.read(config.frames, fit_of(config))
    path, told = user_path(config.path), config.modality == NAME
    if told and saved.suffix_of(path):
        return user_files.from_arrays(saved.read(path), readable(path), config, like)
    if told and path.is_file() and path.suffix == ".npy":
        return user_files.from_arrays(saved.read_npy(path), readable(path), config, like)
    kind = CLIPS if told else VIDEOS
    if not places.holds(path, kind):
        return None
    return folder.read(places.open_place(path, kind), config, form.of_event(like) if like else None)


def from_arrays(
    found: Mapping[str, saved.Arrays], what: str, config: ConfigDict, like: Event | None = None
) -> Source | None:
    """See `vae/modalities`: arrays are clips where the config says so."""
    return user_files.from_arrays(found, what, config, like) if config.modality == NAME else None
