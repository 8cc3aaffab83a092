"""Shows examples beside their reconstructions, and measures how alike they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vae.annotations import Count, Split
from vae.data.labels import called
from vae.data.prepare import first_examples
from vae.errors import InputError
from vae.files import whole
from vae.models.one_by_one import Decoding
from vae.run import Run
from vae.tasks import names, tiles
from vae.tasks.inputs import OF_FILES, OF_THE_DATA, as_data, given, refuse
from vae.tasks.output import Output
from vae.training.directory import write_json

NUM = 32  # examples of a split that are shown


def reconstruct(
    run: Run,
    *,
    split: Split | None = None,
    num: Count | None = None,
    files: Sequence[str | Path] = (),
    labels: Sequence[int | str] = (),
    attributes: Sequence[Mapping[str, float]] = (),
    beam: Count | None = None,
    tile: Count | None = None,
) -> Output:
    """Draws examples, each with its reconstruction beside it, and says how alike they are.

    It writes the figures as `reconstructions_SPLIT.json`, or `reconstructions_FILES.json` for your
    own files.

    Examples:
      vae reconstruct --workdir=runs/digits --split=valid
      vae reconstruct --workdir=runs/digits --files=DIR,FILE
      vae reconstruct --workdir=runs/faces --files=photo.jpg --tile=128

    Args:
      run: the run.
      split: the split whose first examples are shown; test if absent.
      num: the number of these examples; 32 if absent.
      files: files and folders of your own examples, which are shown instead of a split.
      labels: classes of your own examples, by number or name, or one for all.
      attributes: attributes of your own examples: Smiling=1,Hat=0 for all, or a set for each, with
        / between; an attribute not named gets its median over test examples.
      beam: a decoder that reads x keeps this many most probable beginnings, and shows the most
        probable x that it finds (beam search).
      tile: takes your own pictures at their own size, in overlapping tiles of so many pixels, and
        writes each as a file; without it, they are resized to the size of the run's.

    Returns:
      The paths, and the figures, means over the examples: "mse", the squared error per value, and
      others of the modality; for images "psnr" (decibels) and "ssim".

    Raises:
      InputError: the model does not encode; or as `given`.
    """
    if tile:
        refuse("is for a decoder that reads x, which has no tiles: leave it out.", beam=beam)
        return _whole(run, files, labels, attributes, num, split, tile)
    if files:
        refuse(OF_THE_DATA, split=split)
        own = given(run, files=files, num=num, labels=labels, attributes=attributes)
        x, y, what, captions = as_data(own.x, run), own.y, own.tag, own.names
    else:
        refuse(OF_FILES, labels=labels, attributes=attributes)
        what = split or "test"
        x, y, *_ = first_examples(run.dataset(), what, num or NUM, run.config)
        captions = called(y, run.attributes or run.classes) if run.model.condition else []
    decoding = Decoding(beam=beam) if beam else None
    reconstructions = run.reconstruct(x, y, decoding=decoding)
    figures = run.modality.likeness(x, reconstructions, run.event)
    whose = "Your own examples" if files else f"{what.capitalize()} examples"
    units = {"psnr": " dB", "lsd": " dB", "snr": " dB"}
    written = {k: k.upper() if len(k) < 5 else k.replace("_", " ") for k in figures}
    alike = (f"{written[k]} {value:.4g}{units.get(k, '')}" for k, value in figures.items())
    how = f" ({decoding.named})" if decoding else ""
    title = f"{whose} and their reconstructions{how}, step {run.step:,}: {', '.join(alike)}"
    path = names.picture(run, "reconstructions", what, num=(num or NUM, NUM), beam=(beam, None))
    sheet = run.modality.sheet(x, run.event, title, beside=reconstructions, captions=captions)
    paths = sheet.save(path)
    about = {"files": list(map(str, files))} if files else {"split": what}
    record = {"step": run.step, **about, "num": len(x), "metrics": figures}
    write_json(run.out / f"reconstructions_{what}.json", record)
    return Output([*paths, run.out / f"reconstructions_{what}.json"], record, sheet.text)


def _whole(
    run: Run,
    files: Sequence[str | Path],
    labels: Sequence[int | str],
    attributes: Sequence[Mapping[str, float]],
    num: int | None,
    split: str | None,
    tile: int,
) -> Output:
    """Writes a reconstruction of each of the user's own pictures, at its own size."""
    if not files:
        raise InputError("--tile is for your own pictures: give them as --files.")
    refuse(OF_THE_DATA, split=split)
    tiles.check(run, tile)
    own = given(run, files=files, num=num, labels=labels, attributes=attributes)
    path = names.picture(run, "reconstructions", own.tag, tile=(tile, None))
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    each: list[dict[str, Any]] = []
    for i, x in enumerate(tiles.read(run, files)):
        y = None if own.y is None else own.y[i : i + 1]
        made = tiles.reconstruct(run, x[None], y, tile=tile)[0]
        end, content = run.modality.file(made, run.event)
        with whole(folder / f"{i:04d}_{own.names[i]}{end}") as file:
            file.write(content)
        alike = run.modality.likeness(x[None], made[None], run.event)
        each.append({"name": own.names[i], "shape": list(x.shape), **alike})
    measures = [name for name in each[0] if name not in ("name", "shape")]
    metrics = {name: float(np.mean([one[name] for one in each])) for name in measures}
    record = {"step": run.step, "files": list(map(str, files)), "tile": tile, "num": len(each)}
    record |= {"metrics": metrics}
    write_json(path.with_suffix(".json"), record | {"per_example": each})
    return Output([folder, path.with_suffix(".json")], record)
