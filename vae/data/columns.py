"""What a config takes from named columns: the class of each example, or its attributes.

`data.label_column` names the column that is the class. Where there are several, `data.covariates`
names them: a column of text becomes a field, one of numbers an attribute.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from ml_collections import ConfigDict

from vae.data.attributes import Table
from vae.data.fields import one_hot
from vae.errors import InputError, did_you_mean

LABEL = "label"  # the default of data.label_column


def names_told(config: ConfigDict) -> list[str]:
    """Returns the names of the columns that a config takes, where they are there."""
    covariates = [name.strip() for name in config.covariates.split(",") if name.strip()]
    return covariates or [config.label_column]


def told(
    columns: Mapping[str, np.ndarray], config: ConfigDict, what: str, rows: str
) -> np.ndarray | Table | None:
    """Returns the classes [N] or, as a table, the attributes that a config names.

    Args:
      columns: what is known of each example, numbers or text [N], by name.
      config: the section `data`.
      what: the data, for messages.
      rows: what examples are, in the plural, for messages.

    Raises:
      InputError: there is no such column, or it has no value in some rows.
    """
    label, wanted = config.label_column, names_told(config)
    covariates = wanted if config.covariates.strip(" ,") else []
    for name in wanted if covariates or label != LABEL else []:
        if name not in columns:
            there = ", ".join(columns) or "none"
            key = "covariates" if covariates else "label_column"
            raise InputError(
                f"{what} has no column {name!r}, which data.{key} names; there are {there}"
                f"{did_you_mean(name, columns)}"
            )
    if not covariates:
        return columns.get(label)
    names: list[str] = []
    parts: list[np.ndarray] = []
    for name in covariates:
        column = columns[name]
        is_text = column.dtype.kind == "U"
        bad = column == "" if is_text else ~np.isfinite(column.astype(float))
        if bad.any():
            raise InputError(
                f"{what}: {name!r} is missing in {int(bad.sum())} of {len(column)} {rows}: "
                f"fill it, or leave the column or the {rows} out."
            )
        if is_text:
            of, numbers = np.unique(column, return_inverse=True)
            more, values = one_hot(name, of.tolist(), numbers)
        else:
            more, values = [name], column[:, None]
        names += more
        parts.append(values)
    return Table(tuple(names), np.concatenate(parts, axis=1).astype(np.float32), None)
