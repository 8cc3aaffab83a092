"""Shows examples beside their reconstructions, and measures how alike they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vae.annotations import Count, Split
from vae.data.labels import called
from vae.data.prepare import first_examples
from vae.models.one_by_one import Decoding
from vae.run import Run
from vae.tasks import names
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
) -> Output:
    """Draws examples, each with its reconstruction beside it, and says how alike they are.

    It writes the figures as `reconstructions_SPLIT.json`, or `reconstructions_FILES.json` for your
    own files.

    Examples:
      vae reconstruct --workdir=runs/digits --split=valid
      vae reconstruct --workdir=runs/digits --files=DIR,FILE

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

    Returns:
      The paths, and the figures, means over the examples: "mse", the squared error per value, and
      others of the modality; for images "psnr" (decibels) and "ssim".

    Raises:
      InputError: the model does not encode; or as `given`.
    """
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
    written = {k: k.upper() for k in figures} | {"accuracy": "accuracy"}
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
