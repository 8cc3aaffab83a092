"""Shows, writes and compares rows of a table."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vae.data.given import as_array
from vae.errors import InputError
from vae.modalities import scripts
from vae.modalities.sheets import Sheet, in_rows
from vae.modalities.tables.csv_file import write_csv
from vae.probability.event import Event


def check(x: np.ndarray, event: Event) -> np.ndarray:
    """See `vae/modalities`: integers are raw values, as in the table; floats are already x.

    Raises:
      InputError: x is not rows of as many finite numbers as the table has columns.
    """
    x = as_array(x, "rows")
    if x.shape[1:] != event.shape or not len(x):
        hint = ": give x[None]" if x.shape == event.shape else ""
        raise InputError(f"rows of shape {x.shape} must be [N, {event.channels}]{hint}.")
    if x.dtype.kind not in "iufb":
        raise InputError(f"rows are {x.dtype}, no numbers: give float32.")
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).any(1).sum())
        raise InputError(f"rows have NaN or infinity in {bad} of {len(x)}.")
    return event.values.to_x(x) if x.dtype.kind in "iu" else x.astype(np.float32)


def sheet(
    x: np.ndarray,
    event: Event,
    title: str,
    *,
    beside: np.ndarray | None = None,
    names: tuple[str, str] = ("given", "decoded"),
    data: np.ndarray | None = None,
    captions: Sequence[str] = (),
) -> Sheet:
    """See `vae/modalities`: marginals of the columns, and pairs of columns.

    A file has the rows, where they are pairs those that stand beside.
    """
    from vae.modalities.tables import plots  # whose library takes half a second to import

    rows = _finite(x, event)
    if beside is not None:
        both = np.isfinite(x).all(1) & np.isfinite(beside).all(1)
        found = [_raw(part[both], event) for part in (x, beside)]
        page = plots.comparison(dict(zip(names, found, strict=True)), event.names, title)
        return Sheet(page, files=as_csv(beside, event))
    sets = {"rows": rows} if data is None else {"data": _finite(data, event), "samples": rows}
    return Sheet(plots.distribution(sets, event.names, title), files=as_csv(x, event))


def table(
    x: np.ndarray,
    event: Event,
    title: str,
    *,
    columns: Sequence[str],
    rows: Sequence[str] = (),
    before: Mapping[str, np.ndarray] | None = None,
    after: Mapping[str, np.ndarray] | None = None,
    captions: Sequence[Sequence[str]] = (),
) -> Sheet:
    """See `vae/modalities`: a line over the steps for each of R rows, column by column."""
    from vae.modalities.tables import plots

    before, after = before or {}, after or {}
    every = in_rows(x, before, after)
    raw, columns = _raw(every, event), [*before, *columns, *after]
    groups = [size for size in (len(before), x.shape[1], len(after)) if size]
    page = plots.moves(raw, event.names, title, columns, rows, groups)
    return Sheet(page, files=as_csv(every, event))


def surface(x: np.ndarray, event: Event, title: str, across: np.ndarray, up: np.ndarray) -> Sheet:
    """See `vae/modalities`: a map of each column, in its unit."""
    from vae.modalities.tables import plots

    page = plots.maps(_raw(x, event), event.names, title, across, up)
    return Sheet(page, files=as_csv(x, event))


def animate(
    x: np.ndarray, event: Event, path: Path, title: str, captions: Sequence[str] = ()
) -> list[Path]:
    """Writes nothing: a line on a page shows how a column moves."""
    return []


def as_csv(x: np.ndarray, event: Event) -> dict[str, bytes]:
    """Returns rows [N, F] as CSV, in the units of the data; [R, C, F] get columns row and step."""
    raw, names = _raw(x, event), event.names
    if raw.ndim > 2:
        index = np.indices(raw.shape[:-1]).reshape(raw.ndim - 1, -1).T
        raw = np.concatenate([index, raw.reshape(-1, raw.shape[-1])], axis=1)
        names = ("row", "step", *names)
    text = io.StringIO()
    write_csv(text, names, raw)
    return {".csv": text.getvalue().encode()}


def file(x: np.ndarray, event: Event) -> tuple[str, bytes]:
    """See `vae/modalities`: a row [F] as a CSV file."""
    ((end, content),) = as_csv(x[None], event).items()
    return end, content


def media(x: np.ndarray, event: Event) -> list[tuple[str, bytes]]:
    """See `vae/modalities`: the row under the names of its columns."""
    return [("text/csv", file(x, event)[1])]


def texts(x: np.ndarray, event: Event) -> None:
    """Returns None: rows are not read as text."""
    return


def likeness(x: np.ndarray, others: np.ndarray, event: Event) -> dict[str, float]:
    """Returns the mean squared error of pairs of x and others [N, F], and the mean R^2 of columns.

    Columns that are constant in x have no R^2 and are left out of the mean.
    """
    x, others = x.astype(np.float64), others.astype(np.float64)  # so that squares do not overflow
    errors, spread = ((x - others) ** 2).sum(0), ((x - x.mean(0)) ** 2).sum(0)
    moving = spread > 0
    r2 = float((1 - errors[moving] / spread[moving]).mean()) if moving.any() else 0.0
    return {"mse": float(errors.mean() / len(x)), "r2": r2}


def perceived(x: np.ndarray, event: Event) -> np.ndarray:
    """Returns x: rows are written as they are."""
    return x


def code_length(x: np.ndarray) -> None:
    """Returns None: real numbers have no universal code."""
    return


def _finite(x: np.ndarray, event: Event) -> np.ndarray:
    """Returns the rows of x that are finite (a diverged model makes none), in units of the data."""
    return _raw(x[np.isfinite(x).all(1)], event)


def _raw(x: np.ndarray, event: Event) -> np.ndarray:
    """Returns x in units of the data, as float64, whose squares do not overflow in any unit.

    A model's x for values of 0 and 1 is a probability, and stays one.
    """
    raw = event.values.to_raw(x) if event.values.kind == "real" else x
    if event.values.kind == "counts":  # whose means are no whole numbers
        raw = x * event.values.scale
    return raw.astype(np.float64)


script = scripts.beside(__file__)
