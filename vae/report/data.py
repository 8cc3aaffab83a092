"""The page of a data set: what was read, and what is wrong with it (`vae/data/summary.py`)."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections
import numpy as np
from markupsafe import Markup
from PIL import Image

from vae import modalities
from vae.data.checks import FEW
from vae.data.examples import Dataset, read_complete, spread
from vae.data.labels import called
from vae.data.summary import Column, Part, Summary, summarise
from vae.errors import InputError
from vae.files import data_uri
from vae.modalities.sheets import Sheet
from vae.report import html, svg
from vae.terminal import aligned, number
from vae.training.directory import read_json, write_json

EXAMPLES = 24  # of each split, on a sheet
SOUNDS = 8  # of them are heard
ROWS = 40  # channels, attributes or classes in a table; the file has all
LONG = "long enough to be compared"  # of texts
UNEVEN = 20.0  # times as many examples of one class as of another are worth a remark
LARGE = 0.2  # a share of missing values that is worth a remark


class Finding(NamedTuple):
    """A sentence about data; `level` is "bad", where figures will be wrong, or "warn"."""

    level: str
    text: str


def write(
    name: str, config: ml_collections.ConfigDict, folder: Path
) -> tuple[str, list[Path], dict[str, Any]]:
    """Reads the data of a config, and writes `data.html` and `data.json`.

    Args:
      name: the name of the experiment.
      config: the section `data` of its config.
      folder: where they are written.

    Returns:
      A text for a person, the paths and the figures.

    Raises:
      InputError: the data cannot be read, or the folder holds a run of others.
    """
    dataset = modalities.load(config)
    record = read_json(folder / "provenance.json", {"data": dict}) or {"data": {}}
    if record["data"].get("digest", dataset.digest) != dataset.digest:
        raise InputError(f"{folder} holds a run of other data; choose another --workdir.")
    found = summarise(dataset)
    findings = findings_of(found, dataset)
    figures = {
        "data": dataset.description,
        "modality": dataset.modality,
        "kind": dataset.event.values.kind,
        "shape": list(dataset.event.shape),
        "findings": [finding.text for finding in findings],
        **plain(found),
    }
    sheets = [_shown(*titled) for titled in _sheets(dataset, found)]
    html.write(
        folder / "data.html",
        "data.html",
        title=f"Data of {name}",
        description=dataset.description,
        facts=_facts(dataset, found),
        findings=findings,
        sheets=sheets,
        counts=_counts(dataset, found),
        classes=_classes(found),
        chart=_chart(found),
        tables=list(_tables(dataset, found)),
        rows=ROWS,
        long=LONG,
    )
    write_json(folder / "data.json", figures)
    return _text(dataset, found, findings), [folder / "data.html", folder / "data.json"], figures


def plain(value: Any) -> Any:
    """Returns named tuples, at any depth, as they are written in JSON."""
    if hasattr(value, "_asdict"):
        return {name: plain(each) for name, each in value._asdict().items()}
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, tuple) else value


def findings_of(found: Summary, dataset: Dataset) -> list[Finding]:
    """Returns what is wrong with data, in sentences, the worst first."""
    said = []
    for pair in found.shared:
        whose = f"{pair.second} shares"
        if pair.examples:
            of = found.parts[pair.second].number
            shared = f"{pair.examples:,} of its {of:,} examples ({pair.examples / of:.1%})"
            text = f"{whose} {shared} with {pair.first}: its figures will be too good."
            said.append(Finding("bad", text))
        if pair.identities:
            text = f"{whose} {pair.identities:,} identities with {pair.first}"
            said.append(
                Finding("bad", f"{text}: data.split_by=identity keeps each in one of them.")
            )
    if found.contradictions:
        text = f"{found.contradictions:,} different examples occur with several classes."
        said.append(Finding("bad", text))
    for name, part in found.parts.items():
        said += [Finding(level, text) for level, text in _of_part(name, part)]
    return sorted(said, key=lambda finding: finding.level)


def _of_part(name: str, part: Part) -> Iterator[tuple[str, str]]:
    """Yields the level and the sentence of each finding about a split."""
    if part.copies:
        share = part.copies / part.number
        yield "warn", f"{name} has {part.copies:,} copies of other examples in it ({share:.1%})."
    if part.unreadable:
        yield "bad", f"{part.unreadable:,} of {part.looked:,} of {name} cannot be read."
    if part.number < FEW[name]:
        what = "learned from" if name == "train" else "measured on"
        yield "warn", f"{name} has {part.number} examples: what is {what} so few is chance."
    counts = part.classes
    if empty := [each for each, n in counts.items() if not n]:
        yield "warn", f"{name} has no example of class {_some(empty)}."
    if counts and min(counts.values()) and max(counts.values()) > UNEVEN * min(counts.values()):
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        sizes = f"{counts[most]:,} examples of class {most} and {counts[least]:,} of {least}"
        yield "warn", f"{name} has {sizes}."
    known = {"channel": part.channels, "attribute": part.attributes if name == "train" else ()}
    for what, columns in known.items():
        if alike := [each.name for each in columns if each.low == each.high]:
            yield "warn", f"In {name}, {what} {_some(alike)} has one value in all examples."
        if lacking := [each.name for each in columns if each.missing > LARGE]:
            yield "warn", f"In {name}, {what} {_some(lacking)} lacks more than {LARGE:.0%}."


def _some(names: Sequence[str]) -> str:
    """Returns the first names, and how many there are."""
    more = f" and {len(names) - 3} others" if len(names) > 4 else ""
    return ", ".join(names[:3] if more else names) + more


def _sheets(dataset: Dataset, found: Summary) -> Iterator[tuple[str, Sheet]]:
    """Yields titles and sheets of examples, of train, of test and of what two splits share."""
    modality, event = modalities.named(dataset.modality), dataset.event
    names = dataset.attributes or dataset.classes

    def read(split: str, index: Any) -> tuple[np.ndarray, list[str]]:
        raw, _ = read_complete(getattr(dataset, split), np.asarray(index))
        labelled = dataset.num_classes or dataset.attributes
        return event.values.to_x(raw.values), called(raw.labels, names) if labelled else []

    for split in ("train", "test"):
        x, captions = read(split, spread(getattr(dataset, split), EXAMPLES))
        title = f"{len(x)} examples of {split}, evenly spaced"
        yield title, modality.sheet(x, event, title, captions=captions)
    for pair in found.shared:
        if pair.places:
            x, captions = read(pair.second, [second for _, second in pair.places])
            title = f"Examples of {pair.second} that are in {pair.first}, too"
            yield title, modality.sheet(x, event, title, captions=captions)


def _shown(title: str, sheet: Sheet) -> dict[str, Any]:
    """Returns a sheet as the page shows it: a picture, text and sounds."""
    png = io.BytesIO()
    Image.fromarray(sheet.picture).save(png, "PNG")
    sounds = [x for end, x in sheet.files.items() if end.endswith(".wav")]
    return {
        "title": title,
        "picture": data_uri(png.getvalue(), "image/png"),
        "text": sheet.text,
        "sounds": [data_uri(sound, "audio/wav") for sound in sounds[:SOUNDS]],
    }


def _facts(dataset: Dataset, found: Summary) -> list[tuple[str, str]]:
    event = dataset.event
    facts = [(name, f"{part.number:,}") for name, part in found.parts.items()]
    facts += [("shape", "x".join(map(str, event.shape))), ("values", event.values.kind)]
    facts += [("kind of data", dataset.modality.partition(":")[2] or dataset.modality)]
    if dataset.num_classes:
        facts.append(("classes", f"{dataset.num_classes:,}"))
    if dataset.attributes:
        facts.append(("attributes", f"{len(dataset.attributes):,}"))
    return facts


def _counts(dataset: Dataset, found: Summary) -> list[list[str]]:
    """Returns a table of the splits, its header first."""
    parts = found.parts
    rows: list[list[str]] = [["", *parts]]

    def row(name: str, of: Any) -> None:
        cells = [of(part) for part in parts.values()]
        if any(cells):
            rows.append([name, *cells])

    row("examples", lambda part: f"{part.number:,}")
    row("looked at", lambda part: f"{part.looked:,}" if part.looked < part.number else "")
    row("not readable", lambda part: f"{part.unreadable:,}" if part.unreadable else "")
    short = dataset.event.values.kind == "tokens"  # may be equal by chance, and are left out
    if any(part.compared not in (None, part.number) for part in parts.values()):
        row(LONG if short else "compared", lambda part: _known(part.compared))
    row("copies among these" if short else "copies within", lambda part: _known(part.copies))
    for what in ("examples", "identities"):
        for first in dict.fromkeys(pair.first for pair in found.shared):
            numbers = {p.second: getattr(p, what) for p in found.shared if p.first == first}
            if what == "examples" or any(n is not None for n in numbers.values()):
                cells = [_known(numbers[name]) if name in numbers else "" for name in parts]
                own = "identities " if what == "identities" else ""
                rows.append([f"{own}also in {first}", *cells])
    row("values from", lambda part: _figure(part.values.low))
    row("to", lambda part: _figure(part.values.high))
    if dataset.event.values.kind != "tokens":
        row("mean", lambda part: _figure(part.values.mean))
        row("std", lambda part: _figure(part.values.std))
        row("missing", lambda part: f"{part.values.missing:.1%}" if part.values.missing else "")
    row("lengths", lambda part: " / ".join(map(str, part.lengths)) if part.lengths else "")
    row("without a class", lambda part: f"{part.unlabelled:,}" if part.unlabelled else "")
    return rows


def _known(value: int | None) -> str:
    return "not known" if value is None else f"{value:,}"


def _classes(found: Summary) -> list[list[str]]:
    """Returns a table of the classes, its header first; [] without classes."""
    first = next(iter(found.parts.values()))
    if not first.classes:
        return []
    rows = [
        [name, *(f"{p.classes[name]:,}" for p in found.parts.values())] for name in first.classes
    ]
    return [["class", *found.parts], *rows]


def _chart(found: Summary) -> Markup:
    """Returns bars of the classes of the training set; "" without classes."""
    counts = found.parts["train"].classes
    if not counts:
        return Markup()
    largest = sorted(counts.items(), key=lambda each: -each[1])[:ROWS]
    title = "Examples of each class in train"
    if len(counts) > len(largest):
        title = f"Examples of the {ROWS} largest classes in train"
    return svg.bars([(name, float(n), f"{n:,}") for name, n in largest], title=title)


def _tables(dataset: Dataset, found: Summary) -> Iterator[tuple[str, list[list[str]]]]:
    """Yields tables of channels and attributes of the training set, with their titles."""
    train = found.parts["train"]
    kind = "columns" if dataset.event.names else "channels"
    for title, columns in (
        (f"The {kind} of train", train.channels),
        ("Attributes", train.attributes),
    ):
        if columns:
            header = ["", "from", "to", "mean", "std"]
            lacking = any(each.missing for each in columns)
            yield (
                title,
                [header + ["missing"] * lacking, *(_row(each, lacking) for each in columns)],
            )


def _row(column: Column, lacking: bool) -> list[str]:
    figures = map(_figure, (column.low, column.high, column.mean, column.std))
    return [column.name, *figures, *([f"{column.missing:.1%}"] if lacking else [])]


def _figure(value: float) -> str:
    if not math.isfinite(value):
        return "none"
    return number(int(value)) if value == int(value) and abs(value) < 2**53 else number(value)


def _text(dataset: Dataset, found: Summary, findings: Sequence[Finding]) -> str:
    """Returns what a terminal shows."""
    blocks = [[dataset.description], aligned(_counts(dataset, found), (1, 2, 3))]
    if (classes := _classes(found)) and len(classes) <= ROWS // 2:
        blocks.append(aligned(classes, (1, 2, 3)))
    said = [f"- {finding.text}" for finding in findings] or ["Nothing stands out."]
    return "\n\n".join("\n".join(block) for block in [*blocks, said])
