"""The rules of a configuration and its data, checked before the model is built."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ml_collections import ConfigDict

from vae.data.examples import Dataset
from vae.data.fields import fields_of, without_field
from vae.data.labels import class_name
from vae.data.prepare import prepared_values
from vae.errors import InputError
from vae.probability.event import Event, Values


def check_data(
    config: ConfigDict, event: Event, *, num_classes: int, attributes: Sequence[str]
) -> None:
    """Checks whether the data are what the config asks for.

    Args:
      config: the experiment.
      event: the shape of an example and what its values mean, before they are prepared.
      num_classes: the number of classes, 0 without labels.
      attributes: the names of the attributes.

    Raises:
      InputError: they are not.
    """
    _prepared(config.data, event.values)
    if config.model.stem == "log1p" and event.values.kind != "counts":
        raise InputError(
            f"model.stem='log1p' is for counts, but the data are {event.values.kind}: use 'none'."
        )
    _told(config.model, num_classes, attributes)
    _unit_interval(config.model, prepared_values(event.values, config.data))


def check_labels(config: ConfigDict, dataset: Dataset) -> None:
    """Refuses to condition on labels if an example has none, or a class has no training example.

    Labels in records that are decoded while training are not checked.

    Raises:
      InputError: an example of a split has no label, or a class has no training example.
    """
    if config.model.condition != "label":
        return
    for name in ("train", "valid", "test"):
        labels = getattr(getattr(dataset, name), "labels", np.zeros(0))
        if missing := int((labels < 0).sum()):
            raise InputError(
                f"model.condition='label' needs the label of every example, but {missing} of "
                f"{len(labels)} {name} examples have none; model.name='semi_supervised' does not."
            )
    seen = np.unique(getattr(dataset.train, "labels", np.arange(dataset.num_classes)))
    if absent := sorted(set(range(dataset.num_classes)) - set(seen.tolist())):
        names = ", ".join(class_name(label, dataset.classes) for label in absent[:3])
        raise InputError(
            f"model.condition='label': {len(absent)} of {dataset.num_classes} classes have no "
            f"example in data.train ({names}{', ...' if absent[3:] else ''}): add some, or leave "
            "them out."
        )


def _told(model: ConfigDict, num_classes: int, attributes: Sequence[str]) -> None:
    """Refuses a model that needs labels or attributes which the data do not have."""
    if model.name == "semi_supervised" and not num_classes:
        raise InputError("model.name='semi_supervised' needs labels, but the data have none.")
    if {"label": num_classes, "attributes": len(attributes)}.get(model.condition, 1):
        return
    there = "the data have none."
    if num_classes:
        there = f"the data have {num_classes} classes: choose 'label'."
    if attributes:
        names = [field.name for field in fields_of(attributes)] + without_field(attributes)
        more = f" and {len(names) - 3} more" if names[3:] else ""
        there = f"the data have attributes ({', '.join(names[:3])}{more}): choose 'attributes'."
    needed = model.condition.rstrip("s")
    raise InputError(f"model.condition={model.condition!r} needs {needed}s, but {there}")


def _unit_interval(model: ConfigDict, values: Values) -> None:
    if model.name != "gan":
        return
    made = "model.name='gan' makes values in [0, 1], but the data"
    if values.kind in ("counts", "tokens"):
        raise InputError(f"{made} are {values.kind}: use 'vae'.")
    if not (values.low >= 0 and values.high <= 1):
        raise InputError(f"{made} range over [{values.low:g}, {values.high:g}]: rescale them.")


def _prepared(config: ConfigDict, values: Values) -> None:
    """Refuses a preparation that the section `data` asks for but these values do not allow."""
    bounds = f"[{values.low:g}, {values.high:g}]"
    if values.kind == "tokens" and (config.binarize != "none" or config.dequantize):
        key = "dequantize" if config.dequantize else "binarize"
        raise InputError(f"data.{key} is for numbers, but the data are tokens: leave it out.")
    if config.binarize == "dynamic" and not (values.low >= 0 and values.high <= 1):
        raise InputError(
            f'data.binarize = "dynamic" needs values in [0, 1], but the data range over {bounds}: '
            "rescale them, or do not binarise."
        )
    if config.dequantize and values.levels is None:
        raise InputError(
            f"data.dequantize needs values of equally spaced levels, but the data are continuous "
            f"over {bounds}: set it to False."
        )
    if config.binarize != "none" and values.kind == "counts":
        raise InputError(
            f"data.binarize is for grey values, but the data are counts up to {values.scale:g}: "
            'use model.likelihood = "poisson" or "negative_binomial", or save grey values as uint8.'
        )
