"""Facts about the data in a run directory: recorded when a run starts, read when it is loaded."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections
import numpy as np

from vae.data.examples import Dataset
from vae.data.prepare import prepared_values
from vae.data.scales import Scales, unit_scales
from vae.errors import InputError
from vae.files import whole
from vae.models.data import Data
from vae.probability.event import KINDS, Event, Values
from vae.training.directory import Damaged, described, read_json, write_json

FILE = "provenance.json"
CODEC = "codec.json"


class Facts(NamedTuple):
    """What must be known of the data to use a model.

    Attributes:
      event: the shape of an example, and what its raw values mean.
      num_classes: the number of classes; 0 if there are none.
      attributes: names of the attributes; empty if y are classes or there are no labels.
      scales: scales of the attributes.
      classes: names of the classes, if they are not just numbers.
      record: the whole record.
      parts: the modules of your own, from `vae.config.own.files`.
    """

    event: Event
    num_classes: int
    attributes: tuple[str, ...]
    scales: Scales
    classes: tuple[str, ...]
    record: dict[str, Any]
    parts: dict[str, dict[str, str]]

    def model(self, config: ml_collections.ConfigDict) -> Data:
        """Returns the data that the model was built for; `config` is the section `data`."""
        shape, values = self.event.shape, prepared_values(self.event.values, config)
        # Initial values of parameters are not needed: trained ones replace them.
        return Data(
            event=dataclasses.replace(self.event, values=values),
            mean=np.zeros(shape, np.float32),
            num_classes=self.num_classes,
            examples=lambda num: np.zeros((num, *shape), np.float32),
            num_attributes=len(self.attributes),
            scales=self.scales,
        )


def of(dataset: Dataset) -> dict[str, Any]:
    """Returns the record of a data set."""
    return {
        "shape": list(dataset.event.shape),
        "values": dataclasses.asdict(dataset.event.values),
        "num_classes": dataset.num_classes,
        "names": list(dataset.event.names),
        "codec": sha256(dataset.event.codec) if dataset.event.codec else "",
        "classes": list(dataset.classes),
        "attributes": list(dataset.attributes),
        "attribute_scales": dataset.scales._asdict(),
        "train": len(dataset.train),
        "valid": len(dataset.valid),
        "test": len(dataset.test),
        "modality": dataset.modality,
        "description": dataset.description,
        "digest": dataset.digest,
    }


def write(record: dict[str, Any], codec: str, workdir: Path) -> None:
    """Writes `provenance.json`, and beside it the codec of the data, where they have one."""
    if codec:
        with whole(workdir / CODEC, "w") as file:
            file.write(codec)
    write_json(workdir / FILE, record)


def read(workdir: Path) -> Facts | None:
    """Returns what a run directory records of the data, None if it records nothing.

    Raises:
      Damaged: the record is incomplete.
      InputError: it cannot be read.
    """
    file = workdir / FILE
    try:
        record = read_json(file, {"data": dict})
        return None if record is None else _facts(record["data"], record.get("parts", {}), file)
    except Damaged as error:
        raise Damaged(f"{error} `train` with the run's own command rewrites it.") from None


def _codec(record: dict[str, Any], file: Path) -> str:
    """Returns the codec that lies beside the record, if it is the one that was recorded.

    Raises:
      InputError: it is missing, or another.
    """
    if not record.get("codec"):
        return ""
    path = file.with_name(CODEC)
    text = path.read_text("utf-8") if path.is_file() else ""
    if sha256(text) != record["codec"]:
        raise InputError(
            f"{path} is missing or damaged, and without it examples cannot be read or shown: copy "
            "it from where the run was made, or train the run again."
        )
    return text


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _facts(facts: dict[str, Any], parts: dict[str, dict[str, str]], file: Path) -> Facts:
    with described(file):
        attributes = tuple(map(str, facts.get("attributes", ())))  # absent in older runs
        scales = unit_scales(len(attributes))  # what all were before this record existed
        if "attribute_scales" in facts:
            known = facts["attribute_scales"].items()
            scales = Scales(**{name: tuple(map(float, ends)) for name, ends in known})
        event = Event(
            shape=_shape(facts["image_shape" if "image_shape" in facts else "shape"]),
            values=_values(facts["values"]),
            names=tuple(map(str, facts.get("names", ()))),
            codec=_codec(facts, file),
        )
        classes = tuple(map(str, facts.get("classes", ())))  # older runs had numbers alone
        return Facts(event, int(facts["num_classes"]), attributes, scales, classes, facts, parts)


def _shape(record: list[int]) -> tuple[int, ...]:
    shape = tuple(map(int, record))
    if min(shape) < 1:
        raise ValueError(f"{record} is no shape")
    return shape


def _values(record: dict[str, Any]) -> Values:
    """Returns the values of a record; older records name the kind of values by other keys."""
    record = {k: tuple(x) if isinstance(x, list) else x for k, x in record.items()}
    if "kind" not in record:
        counts, levels = record.pop("counts", False), record["levels"]
        kind = {None: "real", 2: "binary"}.get(levels, "levels")
        record["kind"] = "counts" if counts else kind
    values = Values(**record)
    if values.kind not in KINDS:
        raise ValueError(f"{values.kind!r} is no kind of values")
    return values
