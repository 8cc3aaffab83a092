"""What a run directory says of the data: recorded when a run starts, read when it is loaded."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vae.data.dataset import Dataset, Values
from vae.models.data import Data, Scales, unit_scales
from vae.training.directory import Damaged, described, read_json


class Facts(NamedTuple):
    """What the use of a model needs to know of its data.

    Attributes:
      values: what a raw value means.
      attributes: their names; none where there are classes or no labels.
      scales: of the attributes.
      classes: their names, where they have other ones than numbers.
      model: what the model was built for.
      record: all that was recorded.
    """

    values: Values
    attributes: tuple[str, ...]
    scales: Scales
    classes: tuple[str, ...]
    model: Data
    record: dict[str, Any]


def of(dataset: Dataset) -> dict[str, Any]:
    """What is recorded of a data set."""
    return {
        "image_shape": list(dataset.image_shape),
        "values": dataclasses.asdict(dataset.values),
        "num_classes": dataset.num_classes,
        "classes": list(dataset.classes),
        "attributes": list(dataset.attributes),
        "attribute_scales": dataset.scales._asdict(),
        "train": len(dataset.train),
        "valid": len(dataset.valid),
        "test": len(dataset.test),
        "description": dataset.description,
        "digest": dataset.digest,
    }


def read(workdir: Path) -> Facts | None:
    """What a run directory says of the data, None where it says nothing.

    Raises:
      Damaged: it is incomplete.
      InputError: it cannot be read.
    """
    file = workdir / "provenance.json"
    try:
        record = read_json(file, {"data": dict})
        return None if record is None else _facts(record["data"], file)
    except Damaged as error:
        raise Damaged(f"{error} `train` with the run's own command writes it anew.") from None


def _facts(facts: dict[str, Any], file: Path) -> Facts:
    with described(file):
        attributes = tuple(map(str, facts.get("attributes", ())))  # runs of before had none
        scales = unit_scales(len(attributes))  # what all were, before there was this record
        if "attribute_scales" in facts:
            known = facts["attribute_scales"].items()
            scales = Scales(**{name: tuple(map(float, ends)) for name, ends in known})
        height, width, channels = map(int, facts["image_shape"])
        values = Values(**facts["values"])
        # What parameters start from is not needed: trained ones replace it.
        blank = np.zeros((height, width, channels), np.float32)
        model = Data(
            mean_image=blank,
            scale=float(values.scale),
            levels=None if values.levels is None else int(values.levels),
            num_classes=int(facts["num_classes"]),
            num_attributes=len(attributes),
            scales=scales,
            images=lambda num: np.zeros((num, *blank.shape), np.float32),
        )
        classes = tuple(map(str, facts.get("classes", ())))  # runs of before had numbers alone
    return Facts(values, attributes, scales, classes, model, facts)
