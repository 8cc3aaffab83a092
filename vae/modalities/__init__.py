"""Modalities: what kinds of data there are. The core asks them, and asks none for its name.

A modality is a package beside this file, and a row of the table. It answers

    NAME                            its name, and that of its files' folder in a run directory
    READS                           what it reads, for whoever gave something else
    SETS                            suffixes of single files that are whole sets of examples
    read(config, like)              what `config` (the section `data`) names, as a `Source`; None
                                    where that is not its kind. What a raw value means is as `like`
                                    says, a `Values`, where the data leave it open
    from_arrays(found, what, config, like)
                                    arrays (`data/arrays.py`) as a `Source`; None where they are not
                                    of its kind; `what` they are of, for messages
    fitted(config, event)           the config with which another set is read as such an event
    read_files(paths, event, config)  the user's files, as x [N, *places, C] of an event, and names
    check(x, event)                 arrays from Python as x, float32; InputError for others
    COMPARES                        whether samples are shown together with the data, as a set
    sheet(x, event, title, ...)     a picture [H, W, 3] uint8 of N examples; with `beside` of each
                                    and what is to be seen beside it, whose `names` are two; with
                                    `data`, which are given where it COMPARES, of samples and
                                    examples of the data; with `captions` of N examples
    table(x, event, title, ...)     a picture of x [R, C, *shape], R rows of C examples that follow
                                    one another, with titles of `columns` and `rows`; `before` and
                                    `after` are examples [R, *shape], by title, that stand apart at
                                    either end; `captions` [R][C]; NaN is no example
    surface(x, event, title, across, up)
                                    a picture of x [R, C, *shape] on the plane of two latents, whose
                                    values are `across` [C] and, from the top, `up` [R]
    animate(x, event, path, title, captions)
                                    an animation over the C columns; the paths written, if any
    save(x, event, path)            what a picture at `path` does not hold, in a format of its own;
                                    the paths written, if any
    likeness(x, others)             figures of how alike examples are, pair by pair
    code_length(x)                  [N] nats of a universal code for x, or None: there is none

Any of them may be asked with x [..., *shape] as a model makes them. The first modality that takes
what is named has it.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from vae import terminal
from vae.config import own
from vae.config.axes.sets import EMBEDDED
from vae.config.build import build
from vae.data import arrays as saved
from vae.data import groups, splits
from vae.data.checks import check_splits
from vae.data.examples import ArrayExamples, Dataset, Source, load_in_memory
from vae.data.identity import identity
from vae.data.labels import check_classes, with_labels
from vae.data.scales import scales_of
from vae.data.standardise import check_far, standardised
from vae.errors import InputError
from vae.files import user_path
from vae.modalities import images, tables
from vae.probability.event import Event, Values

logger = logging.getLogger(__name__)

_REMARKING = ("vae.data", __name__)  # and the modules below

MODALITIES: dict[str, ModuleType] = {modality.NAME: modality for modality in (tables, images)}


@terminal.shown("reading the data")
def load(config, *, whole: bool = True) -> Dataset:
    """Reads the data set that `config` (the section `data`) names.

    Sets of up to `data.device_bytes`, all three splits together, are in memory when this returns
    and have a table for the device; larger folders and record files are read as they are needed.

    Args:
      config: the section.
      whole: False for a trained run, which may need four examples of 20,000: images in files and
        faces that are drawn stay where they are, whatever their size, and what was said of the
        data when it was trained (few examples, duplicates, labels that are no classes) is not
        looked for again. Which examples they are, their order and their digest are the same.

    Raises:
      InputError: anything is wrong with the data or with what the config says of them.
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
    digest = identity(chosen, (*source.attributes, *source.classes, *source.names))
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
    shape, values = chosen["train"].shape, source.values
    if source.standardise:
        with said():
            values = standardised(chosen["train"], source.names, source.description)
        if whole:
            check_far({name: chosen[name] for name in ("valid", "test")}, values, source.names)
    sizes = ", ".join(f"{name} {len(examples)}" for name, examples in chosen.items())
    by = f", split by {config.split_by}" if config.split_by else ""
    return Dataset(
        **chosen,
        event=Event(shape, values, source.names),
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
    """Keeps back what is remarked on the data, which was said when the run was trained."""
    before = {logging.getLogger(name): logging.getLogger(name).level for name in _REMARKING}
    for loggers in before:
        loggers.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for loggers, level in before.items():
            loggers.setLevel(level)


def read(config, like: Values | None = None) -> Source:
    """Every base split of the data set that `config` (the section `data`) names, whole.

    What black and white are is that of `like` for values of no range that is known otherwise.
    Raises InputError for anything wrong with the data.
    """
    if not (config.path or config.name):
        raise InputError(
            "There are no data: give a file or directory as data.path, or a set as data.name."
        )
    embedded = config.name.partition(":")[0] in EMBEDDED  # a class of one has a colon, too
    if own.is_own(config.name) and not (embedded or config.path):
        return _made(config, like)
    try:
        for name, modality in MODALITIES.items():
            if source := modality.read(config, like):
                return replace(source, modality=name)
        there = user_path(config.path).exists()
    except OSError as error:
        raise InputError(
            f"data.path = {config.path} cannot be read ({error.strerror}): see to its "
            "permissions, or give another."
        ) from None
    if not there:
        raise InputError(f"data.path = {config.path} does not exist: give --config.data.path=DIR.")
    raise InputError(
        f"data.path = {config.path} holds nothing that can be read: give "
        f"{', or '.join(modality.READS for modality in MODALITIES.values())}."
    )


def _made(config: Any, like: Values | None) -> Source:
    """What a function of somebody's own gives: a `Source`, or arrays as an .npz has them."""
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
    for name, modality in MODALITIES.items():
        if source := modality.from_arrays(found, config.name, config, like):
            return replace(source, modality=name)
    shape = next(iter(found.values())).examples.shape
    raise InputError(
        f"{what} gives examples of the shape {shape}: give rows [N, F], or images [N, H, W] or "
        "[N, H, W, C]."
    )
