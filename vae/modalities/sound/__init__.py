"""Sounds, as mel spectrograms [T, M] or waveforms [T, 1 or 2]: how they are read, shown and heard.

| what is there                                   | reader          |
|-------------------------------------------------|-----------------|
| name "notes"                                    | `notes.py`      |
| a directory, a zip or a tar with recordings     | `folder.py`     |
| arrays [N, L] with data.modality = "sound"      | `user_files.py` |

`codec.py` says what a recording becomes as an example, and what its likelihood is of.
"""

from __future__ import annotations

from collections.abc import Mapping

from ml_collections import ConfigDict

from vae.data import arrays as saved
from vae.data import places
from vae.data.examples import Source
from vae.errors import readable
from vae.files import user_path
from vae.modalities.sound import codec as codecs
from vae.modalities.sound import folder, notes, user_files
from vae.modalities.sound.recordings import RECORDINGS
from vae.modalities.sound.show import (
    animate,
    code_length,
    file,
    likeness,
    media,
    script,
    sheet,
    surface,
    table,
    texts,
)
from vae.modalities.sound.user_files import check, decode, encode, fitted, perceived, read_files
from vae.probability.event import Event

NAME = "sound"
COMPARES = False
SETS = (*saved.SUFFIXES, *places.ARCHIVES)
READS = "recordings (.wav, .flac, .ogg, ...) in a directory, a zip or a tar"


def read(config: ConfigDict, like: Event | None = None) -> Source | None:
    """See `vae/modalities`."""
    if not config.path:
        if config.name != "notes":
            return None
        rate, seconds = notes.RATE, notes.SECONDS
        return notes.read(_codec(like) or codecs.of_config(config, rate, 1, seconds, seconds))
    path = user_path(config.path)
    if config.modality == NAME and saved.suffix_of(path):
        return user_files.from_arrays(saved.read(path), readable(path), config, _codec(like))
    if not places.holds(path, RECORDINGS):
        return None
    return folder.read(places.open_place(path, RECORDINGS), config, _codec(like))


def from_arrays(
    found: Mapping[str, saved.Arrays], what: str, config: ConfigDict, like: Event | None = None
) -> Source | None:
    """See `vae/modalities`: arrays are sounds where the config says so."""
    if config.modality != NAME:
        return None
    return user_files.from_arrays(found, what, config, _codec(like))


def _codec(like: Event | None) -> codecs.Codec | None:
    return codecs.of_event(like) if like else None
