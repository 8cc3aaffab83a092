"""What a run writes during training: JSON lines always, TensorBoard if installed, and progress.

`metrics.jsonl` has one object per logged step; the event file has the same metrics, and sheets of
examples: pictures, text and sounds. Trackers are told the same (`vae/training/trackers/`).
"""

from __future__ import annotations

import functools
import io
import logging
import math
import os
import platform
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_collections
from PIL import Image

from vae import terminal
from vae.files import check_file, named, whole
from vae.modalities.sheets import Sheet
from vae.training.directory import as_json, read_line, read_metric
from vae.training.patience import METRIC
from vae.training.processes import is_first
from vae.training.trackers import Follower

logger = logging.getLogger(__name__)

# Validation metrics that are not shown: the number of examples, the difference of two others, what
# a warning reports where it matters, and standard errors.
ASIDE = ("/examples", "/reconstruction", "/off_centre", "_stderr")
SHORT = {
    "bits_per_dim": "bits/dim",
    "active_units": "active",
    "active_groups": "active",
    "mutual_information": "MI",
}


class Log:
    """The log of one run directory, which process 0 writes.

    Attributes:
      going: whether a step was taken since the log was opened.
      elbos: the validation ELBO by its step, in every process.
      result: how the run ended, or stopped, as result.json has it.
    """

    def __init__(
        self, workdir: Path, *, tensorboard: bool, trackers: Sequence[Follower] = ()
    ) -> None:
        self._path = workdir / "metrics.jsonl"
        check_file(self._path)
        self._writes = is_first()
        self.going = False
        self.result: dict[str, Any] = {"status": "preempted"}
        self._trackers = trackers
        self.elbos = read_metric(workdir, METRIC)
        self._events = None
        if tensorboard and self._writes:
            try:
                self._events = _Events(workdir)
            except ImportError as error:
                logger.info("No TensorBoard events are written: %s", error)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        """Appends one line; a number that is not finite is written as null."""
        figures = {name: float(value) for name, value in values.items() if value is not None}
        if math.isfinite(elbo := figures.get(METRIC, math.nan)):
            self.elbos[step] = elbo
        if not self._writes:
            return
        line = {"step": step, **dict.fromkeys(values), **figures}
        with named(self._path), open(self._path, "a", encoding="utf-8") as file:
            file.write(as_json(line) + "\n")
        if self._events:
            self._events.scalars(step, figures)
        for tracker in self._trackers:
            tracker.scalars(step, figures)

    def sheet(self, step: int, name: str, sheet: Sheet) -> None:
        """Gives TensorBoard and trackers a sheet: its picture, its text and its .wav files."""
        if self._events:
            self._events.sheet(step, name, sheet)
        for tracker in self._trackers:
            tracker.sheet(step, name, sheet)

    def rewind(self, step: int, total: int) -> dict[str, float]:
        """Forgets the lines that a run of `total` steps will write again from `step` on.

        These are the lines after `step`, and at the end of the run those of the test set, too. A
        damaged line is left out, and the file as it was is kept as metrics.jsonl.damaged.

        Returns:
          The latest value of each remaining metric, without rates, which depend on the machine, and
          without those of the test set.
        """
        self.elbos = {at: elbo for at, elbo in self.elbos.items() if at <= step}
        if not self._writes:
            return {}
        if self._events:
            self._events.restart(step + 1)
        content = self._path.read_bytes() if self._path.exists() else b""
        *whole_lines, _ = content.split(b"\n")  # a kill may have cut off the last line
        kept, damaged = [], []
        latest: dict[str, float] = {}
        for number, text in enumerate(whole_lines, start=1):
            line = read_line(text)
            if line is None:
                damaged.append(number)
                continue
            at, figures = line
            tested = any(name.startswith("test/") for name in figures)
            if at > step or (tested and at == total):
                continue
            kept.append(text + b"\n")
            if not tested:
                latest |= figures
        if damaged:
            aside = self._path.with_name(f"{self._path.name}.damaged")
            with whole(aside) as file:
                file.write(content)
            logger.warning(
                "%s: line %s cannot be read and is left out; the file as it was is kept as %s",
                self._path,
                ", ".join(map(str, damaged)),
                aside.name,
            )
        if (left := b"".join(kept)) != content:
            with whole(self._path) as file:
                file.write(left)
        return {k: v for k, v in latest.items() if not k.endswith("_per_second")}

    def close(self) -> None:
        if self._events:
            self._events.close()
        for tracker in self._trackers:
            tracker.end(self.result)


class _Events:
    """A TensorBoard event file, written without TensorFlow, whose import takes seconds."""

    def __init__(self, workdir: Path) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
        from tensorboard.compat.proto.tensor_pb2 import TensorProto
        from tensorboard.compat.proto.types_pb2 import DT_STRING
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary, self._session = Event, Summary, SessionLog
        plugin = SummaryMetadata.PluginData(plugin_name="text")
        self._text = {"metadata": SummaryMetadata(plugin_data=plugin)}
        self._tensor = functools.partial(TensorProto, dtype=DT_STRING)
        name = f"events.out.tfevents.{time.time():.6f}.{platform.node()}.{os.getpid()}"
        self._path = workdir / name
        self._file = RecordWriter(open(self._path, "wb"))  # noqa: SIM115, for `close` to close
        self._write(file_version="brain.Event:2")

    def restart(self, step: int) -> None:
        """Makes TensorBoard forget what was written for `step` and later, which comes again."""
        self._write(step=step, session_log=self._session(status=self._session.START))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        Value = self._summary.Value
        summary = [Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(step=step, summary=self._summary(value=summary))

    def sheet(self, step: int, name: str, sheet: Sheet) -> None:
        Value, (height, width, channels) = self._summary.Value, sheet.picture.shape
        png = io.BytesIO()
        Image.fromarray(sheet.picture).save(png, "PNG")
        picture = self._summary.Image(
            height=height, width=width, colorspace=channels, encoded_image_string=png.getvalue()
        )
        values = [Value(tag=name, image=picture)]
        if sheet.text:
            lines = textwrap.indent(sheet.text, "    ", lambda line: True)  # shown as they are
            tensor = self._tensor(string_val=[lines.encode()])
            values.append(Value(tag=f"{name}/text", tensor=tensor, **self._text))
        for key, wav in sheet.sounds().items():
            sound = self._summary.Audio(encoded_audio_string=wav, content_type="audio/wav")
            values.append(Value(tag=f"{name}/{key}", audio=sound))
        self._write(step=step, summary=self._summary(value=values))

    def close(self) -> None:
        self._file.close()

    def _write(self, **fields: Any) -> None:
        with named(self._path):
            self._file.write(self._event(wall_time=time.time(), **fields).SerializeToString())
            self._file.flush()


class Progress(terminal.Progress):
    """The progress of a run's training, as it is shown."""

    curve = "loss"

    def __init__(self, config: ml_collections.ConfigDict, start: int, *, members: int = 1) -> None:
        total, examples = config.training.steps, config.data.batch_size * members
        super().__init__("training", total, "steps", start=start, examples=examples)

    def logged(self, step: int, figures: dict[str, float]) -> dict[str, float]:
        """Shows metrics of a logged step; returns steps and examples per second, where known."""
        short = {name.split("/")[-1]: value for name, value in figures.items()}
        self.at(step, short, tell=True)
        rate = self.lap()
        return {
            f"train/{unit}_per_second": rate * each
            for unit, each in (("steps", 1), ("examples", self.examples))
            if rate
        }

    def validated(self, figures: dict[str, float]) -> None:
        """Logs the validation metrics that say something new; this line stays."""
        shown = []
        for name, value in figures.items():
            if not name.endswith(ASIDE):
                own, error = name.split("/", 1)[-1], figures.get(f"{name}_stderr")
                text = terminal.measured(value, error)
                if own != "elbo":  # the line is short; the end of a run shows all errors
                    text = text.partition(" ±")[0]
                shown.append(f"{SHORT.get(own, own)} {text}")
        logger.info("step %s  valid  %s", f"{self.done:,}", "  ".join(shown))
