"""tf.train.Example, the record of TensorFlow and tensorflow-datasets, without TensorFlow.

    message Example   { Features features = 1; }
    message Features  { map<string, Feature> feature = 1; }
    message Feature   { oneof kind { BytesList bytes_list = 1; FloatList float_list = 2;
                                     Int64List int64_list = 3; } }

A list is one repeated field: bytes, or packed floats or int64.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_LISTS = {"bytes_list": "BytesList", "float_list": "FloatList", "int64_list": "Int64List"}


def encode(record: Mapping[str, Any]) -> bytes:
    """Returns a record as bytes.

    Args:
      record: by name bytes, text, a number, or a list of numbers. An array of another rank is
        written as a .npy file.
    """
    example = _message()()
    for name, value in record.items():
        feature = example.features.feature[name]
        if isinstance(value, bytes | str):
            feature.bytes_list.value.append(value.encode() if isinstance(value, str) else value)
            continue
        numbers = np.ravel(value)
        whole = numbers.dtype.kind in "iub"
        values = feature.int64_list if whole else feature.float_list
        values.value.extend(numbers.tolist())
    return example.SerializeToString()


def decode(record: bytes) -> dict[str, bytes | list[float]]:
    """Returns what a record has by name: the first bytes of a list, or a list of numbers.

    Raises:
      Exception: protobuf raises its own kinds where the bytes are no record.
    """
    found: dict[str, bytes | list[float]] = {}
    for name, feature in _message().FromString(record).features.feature.items():
        kind = feature.WhichOneof("kind")
        values = getattr(feature, kind).value if kind else []
        if kind != "bytes_list":
            found[name] = list(values)
        elif values:
            found[name] = values[0]
    return found


def contents(record: bytes, names: Sequence[str]) -> list[bytes]:
    """Returns what a record has by some names, each the first bytes of a list."""
    features = _message().FromString(record).features.feature
    return [features[name].bytes_list.value[0] for name in names]


@functools.cache
def _message() -> Any:
    """Returns the class of the message, made in a pool of its own beside TensorFlow's."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="vae", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto

    def add(parent: Any, name: str, *fields: tuple[str, int, Any, str]) -> Any:
        message = parent.add(name=name)
        for number, (called, label, of, type_name) in enumerate(fields, 1):
            made = message.field.add(name=called, number=number, label=label, type=of)
            if type_name:
                made.type_name = f".vae.{type_name}"
        return message

    one, many, message = field.LABEL_OPTIONAL, field.LABEL_REPEATED, field.TYPE_MESSAGE
    top = file.message_type
    add(top, "BytesList", ("value", many, field.TYPE_BYTES, ""))
    add(top, "FloatList", ("value", many, field.TYPE_FLOAT, ""))
    add(top, "Int64List", ("value", many, field.TYPE_INT64, ""))
    feature = add(top, "Feature", *((name, one, message, of) for name, of in _LISTS.items()))
    feature.oneof_decl.add(name="kind")
    for member in feature.field:
        member.oneof_index = 0
    features = add(top, "Features", ("feature", many, message, "Features.FeatureEntry"))
    entry = add(
        features.nested_type,
        "FeatureEntry",
        ("key", one, field.TYPE_STRING, ""),
        ("value", one, message, "Feature"),
    )
    entry.options.map_entry = True
    add(top, "Example", ("features", one, message, "Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("vae.Example"))
