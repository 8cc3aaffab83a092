"""The page of a learning-rate range test, see `vae/lr_range.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vae.lr_range import Range
from vae.report import html, svg
from vae.report.svg import Series
from vae.training.directory import write_json


def write(found: Range, workdir: Path, experiment: str, now: float) -> list[Path]:
    """Writes `lr_range.html`, the curve, and `lr_range.json`; returns their paths.

    Args:
      found: what the test found.
      workdir: where they are written.
      experiment: the name of the experiment.
      now: the rate of its config.
    """
    rates = found.rates.tolist()
    known = found.smoothed[np.isfinite(found.smoothed)]
    ends = [float(known.min()), float(known.max())] if len(known) else []
    series = [
        Series("of each call", rates, found.losses.tolist(), colour=7),
        Series("smoothed", rates, found.smoothed.tolist(), colour=0),
        Series(f"of the config, {now:g}", [now] * len(ends), ends, dashed=True, colour=2),
    ]
    if found.suggestion:
        rate = found.suggestion
        name = f"suggested, {rate:g}"
        series.append(Series(name, [rate] * len(ends), ends, dashed=True, colour=1))
    chart = svg.lines(
        series, title="Loss at rising learning rates", x="learning rate", y="loss", log_x=True
    )
    pages = [workdir / "lr_range.html", workdir / "lr_range.json"]
    values = {"experiment": experiment, "found": found, "now": now, "chart": chart}
    html.write(pages[0], "lr_range.html", title=f"Learning rates: {experiment}", **values)
    figures = {
        name: value.tolist() if hasattr(value, "tolist") else value
        for name, value in found._asdict().items()
    }
    write_json(pages[1], figures)
    return pages
