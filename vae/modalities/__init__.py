"""Modalities: the kinds of data. The core asks a modality for what it needs, never for its name.

A modality is a package beside this file and a row of `MODALITIES`. It has the constants

    NAME        its name, which its folder in a run directory has, too
    READS       what it reads, for messages
    SETS        suffixes of files each of which is a whole set of examples
    COMPARES    whether a sheet shows samples together with examples of the data, as two sets

and the functions

    read(config, like)
        Returns the data that `config` (the section `data`) names, as a `Source`; None where they
        are of another modality. With `like`, an `Event`, they are read as such examples.
    from_arrays(found, what, config, like)
        Returns arrays (`data/arrays.py`) as a `Source`; None where they are of another modality.
        `what` names them in messages.
    fitted(config, event)
        Returns the config with which another set is read as such an event.
    read_files(paths, event, config)
        Returns the user's files as x [N, *places, C] of an event, and their names.
    check(x, event)
        Returns what is given from Python as x, float32 or, for tokens, int32. Raises InputError
        for anything else.
    sheet(x, event, title, ...)
        Returns a `Sheet` (`sheets.py`: a picture, text, files) of N examples, with `captions`.
        `beside` is shown beside each of them; `names` are the names of the two. `data`, given where
        the modality COMPARES, are examples of the data, and x are then samples.
    table(x, event, title, ...)
        Returns a `Sheet` of x [R, C, *shape]: R rows of C consecutive examples, with titles of
        `columns` and `rows` and with `captions` [R][C]. `before` and `after`, examples [R, *shape]
        by title, stand apart at either end. One that is missing at all positions is none.
    surface(x, event, title, across, up)
        Returns a `Sheet` of x [R, C, *shape] over the plane of two latents, whose values are
        `across` [C] and, from the top, `up` [R].
    animate(x, event, path, title, captions)
        Writes an animation over the C columns, if it can. Returns the paths written.
    file(x, event)
        Returns one example as a file of its own: the end of its name, and its content.
    media(x, event)
        Returns one example as a browser shows it, without words: its parts from the top down, for
        each the media type (image/png, image/gif, audio/wav, text/plain or text/csv) and the
        content.
    texts(x, event)
        Returns an array [...] of str, the examples as they are read; None where they are not read.
    likeness(x, others, event)
        Returns figures of how alike examples are, pair by pair.
    perceived(x, event)
        Returns x as people perceive what is shown or written of it: pixels clipped to [0, 1], a
        sound by way of its waveform.
    code_length(x)
        Returns the nats [N] of a universal code for x; None where there is no such code.

One whose examples have no size of their own may also have

    read_whole(paths, event, config)
        Yields the user's files as x [*places, C], each with the places that it has.

and one may have

    lost(paths, x, event, config)
        Returns what x [N, *places, C], made of the user's files, lacks of them, in words; "" where
        it is nothing.
    script()
        Returns JavaScript with a function `show(place, x, facts)`, which shows one example in an
        element of a page: x is flat, `facts` are those of `export/page.py`.
    formats(x)
        Returns the bytes [N] that x take in usual formats of files without loss, by their names.

x is [..., *shape], as a model makes it. The first modality that takes the data has them, unless
`data.modality` names one of the table, or one's own by "module:Name", a class or a module that has
all of these.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from vae import terminal
from vae.config import own
from vae.config.axes import AXES
from vae.config.axes.sets import EMBEDDED
from vae.config.build import build
from vae.config.keys import KEYS
from vae.config.reads import READERS
from vae.data import arrays as saved
from vae.data import groups, splits
from vae.data.checks import check_splits
from vae.data.examples import ArrayExamples, Dataset, Source, load_in_memory
from vae.data.identity import identity
from vae.data.labels import check_classes, with_labels
from vae.data.scales import scales_of
from vae.errors import InputError
from vae.files import user_path
from vae.modalities import counts, images, sound, tables, text, video, volumes
from vae.probability.event import Event

logger = logging.getLogger(__name__)

AXIS = "data.modality"
_REMARKING = ("vae.data", __name__)  # loggers, with those of the modules below them

MODALITIES: dict[str, ModuleType] = {
    modality.NAME: modality for modality in (counts, text, tables, sound, video, volumes, images)
}
ANSWERS = (  # what the docstring lists
    *("NAME", "READS", "SETS", "COMPARES", "read", "from_arrays", "fitted", "read_files", "check"),
    *("sheet", "table", "surface", "animate", "file", "media", "texts", "likeness", "perceived"),
    "code_length",
)


def named(name: str) -> Any:
    """Returns the modality with a name, as `Source.modality` and a run's record have it.

    Raises:
      InputError: it cannot be imported, or lacks one of ANSWERS.
    """
    if name in MODALITIES:
        return MODALITIES[name]
    modality = own.resolve(name, "data.modality")
    if missing := [answer for answer in ANSWERS if not hasattr(modality, answer)]:
        raise InputError(
            f"data.modality={name!r} lacks {missing[0]}, which every modality has; see "
            "vae/modalities/__init__.py."
        )
    return modality


def _candidates(config: ConfigDict) -> dict[str, Any]:
    """Returns the modalities that may take the data, by name."""
    if config.modality == "auto":
        return dict(MODALITIES)
    return {config.modality: named(config.modality)}


@terminal.shown("reading the data")
def load(config: ConfigDict, *, like: Event | None = None, whole: bool = True) -> Dataset:
    """Reads the data set that `config` (the section `data`) names.

    If the three splits together have up to `data.device_bytes`, they are in memory when this
    returns and have a table for the device; larger folders and record files are read as needed.

    Args:
      config: the section.
      like: what the examples of a trained run are; what was fitted to its training set is not
        fitted again.
      whole: False for a trained run, which may need four examples of 20,000: image files and drawn
        faces are then left where they are, whatever their size, and warnings that the data gave
        when the run was trained (few examples, duplicates, labels that are no classes) are not
        repeated. Examples, their order and the digest are the same.

    Raises:
      InputError: the data cannot be read, or do not fit the config.
    """
    said = contextlib.nullcontext if whole else _said_before
    with said():
        source = read(config)
    if config.label_pattern and not source.named:
        raise InputError(
            "data.label_pattern is for files with names that say something, but there are "
            f"{source.description}: leave it out."
        )
    specs = {f"data.{name}": config[name] for name in ("train", "valid", "test")}
    lengths = {name: len(examples) for name, examples in source.splits.items()}
    selected = splits.select(specs, lengths)
    unused = lengths.keys() - {name for name, _ in selected.values()}
    if unused and whole:
        logger.warning(
            "%s: data.train, data.valid and data.test leave out the split %s",
            source.description,
            ", ".join(f"{name} ({lengths[name]} examples)" for name in sorted(unused)),
        )
    if config.split_by:
        indices = groups.together(config.split_by, source, selected)
    else:
        indices = {key: np.arange(span.start, span.stop) for key, (_, span) in selected.items()}
    chosen = {
        key.removeprefix("data."): source.splits[name].take(indices[key])
        for key, (name, _) in selected.items()
    }
    cut = chosen
    if source.fit:
        with said():
            source = source.fitted(cut, like)
        chosen = dict(source.splits)
    named = (*source.attributes, *source.classes, *source.names)
    digest = identity(cut, (*named, source.codec) if source.codec else named)
    if sum(examples.nbytes for examples in chosen.values()) <= config.device_bytes:
        chosen = {
            name: replace(load_in_memory(examples, config.threads), resident=True)
            if whole or isinstance(examples, ArrayExamples) or (config.labelled and name == "train")
            else examples
            for name, examples in chosen.items()
        }
    if whole:
        check_splits(chosen, source.description)
        check_classes(source)
    chosen["train"] = with_labels(chosen["train"], config.labelled, seed=config.seed)
    shape = chosen["train"].shape
    event = Event(shape, source.values, source.names, source.codec)
    if event.ragged:
        chosen = {name: examples.measured() for name, examples in chosen.items()}
    sizes = ", ".join(f"{name} {len(examples)}" for name, examples in chosen.items())
    by = f", split by {config.split_by}" if config.split_by else ""
    return Dataset(
        **chosen,
        event=event,
        num_classes=source.num_classes,
        attributes=source.attributes,
        digest=digest,
        description=f"{source.description}: {sizes}{by}; {'x'.join(map(str, shape))}",
        classes=source.classes,
        modality=source.modality,
        scales=scales_of(getattr(chosen["train"], "labels", None), len(source.attributes)),
    )


@contextlib.contextmanager
def _said_before() -> Iterator[None]:
    """Suppresses remarks on the data, which were made when the run was trained."""
    before = {logging.getLogger(name): logging.getLogger(name).level for name in _REMARKING}
    for loggers in before:
        loggers.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for loggers, level in before.items():
            loggers.setLevel(level)


def read(config: ConfigDict, like: Event | None = None) -> Source:
    """Returns every base split of the data set that `config` (the section `data`) names.

    Args:
      config: the section.
      like: what the examples are read as; None where the data alone say it.

    Raises:
      InputError: the data cannot be read.
    """
    if not (config.path or config.name):
        raise InputError(
            "There are no data: give a file or directory as data.path, or a set as data.name."
        )
    embedded = config.name.partition(":")[0] in EMBEDDED  # a class of one has a colon, too
    if own.is_own(config.name) and not (embedded or config.path):
        return _made(config, like)
    candidates = _candidates(config)
    try:
        for name, modality in candidates.items():
            if source := modality.read(config, like):
                _check_keys(config, name, source)
                return _taken(source, name, like)
        there = user_path(config.path).exists()
    except OSError as error:
        raise InputError(
            f"data.path = {config.path} cannot be read ({error.strerror}): see to its "
            "permissions, or give another."
        ) from None
    if not there:
        raise InputError(f"data.path = {config.path} does not exist: give --config.data.path=DIR.")
    key = "path" if config.path else "name"
    raise InputError(
        f"data.{key} = {config[key]} holds nothing that can be read: give "
        f"{', or '.join(modality.READS for modality in candidates.values())}."
    )


def _check_keys(config: ConfigDict, name: str, source: Source) -> None:
    """Refuses a key that is set, but that only other modalities read.

    Raises:
      InputError: there is such a key.
    """
    for key, readers in READERS.items():
        # The choice that reads a key may itself be for some modalities only.
        found = (READERS.get(each, {}).get(AXIS) for each in (key, *readers))
        names: tuple[str, ...] = next(filter(None, found), ())
        unread = names and name in AXES[AXIS] and name not in names
        if unread and config[key.partition(".")[2]] != KEYS[key].default:
            raise InputError(
                f"{key} is for {', '.join(x for x in names if x != 'auto')}, but the data are "
                f"{name} ({source.description}): leave it out."
            )


def _taken(source: Source, modality: str, like: Event | None) -> Source:
    """Returns the source that a modality has read, as such examples as `like` if that is given."""
    fitted = source.fitted(source.splits, like) if like and source.fit else source
    return replace(fitted, modality=modality)


def _made(config: ConfigDict, like: Event | None) -> Source:
    """Returns the data of a user's own function, which returns a `Source` or a dict of arrays."""
    what = f"data.name={config.name!r}"
    made = build("data", config, "name")
    if isinstance(made, Source):
        return made
    if not isinstance(made, Mapping):
        raise InputError(
            f"{what} gives a {type(made).__name__}: let it return a dict of arrays, named "
            f"{saved.KEYS}, or a vae.data.examples.Source."
        )
    found = saved.of_arrays(made, config.name)
    for name, modality in _candidates(config).items():
        if source := modality.from_arrays(found, config.name, config, like):
            _check_keys(config, name, source)
            return _taken(source, name, like)
    shape = next(iter(found.values())).examples.shape
    raise InputError(
        f"{what} gives examples of the shape {shape}: give rows [N, F], or images [N, H, W] or "
        "[N, H, W, C]."
    )
