"""What a run writes while it goes on: JSON lines always, TensorBoard where there is one, progress.

`metrics.jsonl` has one object per logged step; the event file has the same figures, and pictures.
"""

from __future__ import annotations

import io
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


class Log:
    """The log of one run directory."""

    def __init__(self, workdir: Path, *, tensorboard: bool) -> None:
        self._path = workdir / "metrics.jsonl"
        self._events = _Events(workdir) if tensorboard else None

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Appends one line; a number that is not finite is written as null."""
        line = {"step": step} | {
            name: float(value) if np.isfinite(value) else None for name, value in values.items()
        }
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._events:
            self._events.scalars(step, values)

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Gives an image [H, W, C] in [0, 1] to TensorBoard."""
        if self._events:
            self._events.image(step, name, image)

    def rewind(self, step: int) -> dict[str, float]:
        """Forgets the lines after `step`: they will be written again.

        Returns the latest figure of each name in what is left, but rates, which are of a machine.
        """
        if not self._path.exists():
            return {}
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept, latest = [], {}
        for line in lines:
            if not line.endswith("\n"):
                continue  # the last line may have been cut off by a kill
            figures = json.loads(line)
            if figures.pop("step") <= step:
                kept.append(line)
                latest |= figures
        if kept != lines:
            temporary = self._path.with_suffix(".tmp")
            temporary.write_text("".join(kept), encoding="utf-8")
            os.replace(temporary, self._path)
        return {
            name: value
            for name, value in latest.items()
            if value is not None and not name.endswith("_per_second")
        }

    def close(self) -> None:
        if self._events:
            self._events.close()


class _Events:
    """An event file of TensorBoard's, written without TensorFlow, whose import takes seconds."""

    def __init__(self, workdir: Path) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        name = f"events.out.tfevents.{time.time():.6f}.{platform.node()}.{os.getpid()}"
        self._file = RecordWriter(open(workdir / name, "wb"))  # noqa: SIM115, for `close` to close
        self._write(file_version="brain.Event:2")

    def scalars(self, step: int, values: dict[str, float]) -> None:
        Value = self._summary.Value
        summary = [Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(step=step, summary=self._summary(value=summary))

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        height, width, channels = image.shape
        pixels = np.round(image * 255).astype(np.uint8)
        png = io.BytesIO()
        Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(png, "PNG")
        shown = self._summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=png.getvalue()
        )
        value = self._summary.Value(tag=name, image=shown)
        self._write(step=step, summary=self._summary(value=[value]))

    def close(self) -> None:
        self._file.close()

    def _write(self, **fields: Any) -> None:
        self._file.write(self._event(wall_time=time.time(), **fields).SerializeToString())
        self._file.flush()


class Line:
    """A line that is written over on a terminal, plain lines elsewhere."""

    def __init__(self, stream: Any = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._width = 0

    def show(self, line: str) -> None:
        if self._terminal:
            self._stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def close(self) -> None:
        if self._terminal and self._width:
            self._stream.write("\n")
            self._stream.flush()


class Progress:
    """A progress line on a terminal, plain lines elsewhere.

    Args:
      total: steps of the run.
      start: the step at which this process began.
      batch_size: images per step.
    """

    def __init__(self, total: int, start: int, batch_size: float, stream: Any = None) -> None:
        self._total, self._batch_size = total, batch_size
        self._line = Line(stream)
        self._step, self._time = start, time.monotonic()

    def show(self, step: int, values: dict[str, float]) -> dict[str, float]:
        """Shows where the run is; returns {"steps_per_second", "images_per_second"} since last."""
        now = time.monotonic()
        rate = (step - self._step) / max(now - self._time, 1e-9)
        self._step, self._time = step, now
        figures = "  ".join(f"{name.split('/')[-1]} {value:.4g}" for name, value in values.items())
        left = duration((self._total - step) / rate) if rate else "?"
        self._line.show(
            f"step {step}/{self._total}  {figures}  {rate:.1f} steps/s  "
            f"{rate * self._batch_size:.0f} images/s  {left} left"
        )
        return {"steps_per_second": rate, "images_per_second": rate * self._batch_size}

    def restart(self, step: int) -> None:
        """Leaves what was not training (compilation, evaluation, pictures) out of the rate."""
        self._step, self._time = step, time.monotonic()

    def close(self) -> None:
        self._line.close()


def duration(seconds: float) -> str:
    """Minutes and seconds as 1:05, with hours as 1:00:05."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
