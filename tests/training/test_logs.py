"""What is logged, as it is read: lines of JSON, and the event file as its format is defined."""

import io
import json
import logging
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from logged import events, shown_by_tensorboard
from PIL import Image

from vae.errors import InputError
from vae.modalities.sheets import Sheet
from vae.training.directory import as_json
from vae.training.logs import Log


def test_the_event_file_has_the_figures_and_the_sheets(tmp_path):
    log = Log(tmp_path, tensorboard=True)
    log.scalars(3, {"train/loss": 1.5, "valid/elbo": -2.0})
    picture = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    sounds = {"/00.wav": b"RIFF", "/01.wav": b"RIFF1", ".csv": b"a,b"}
    log.sheet(6, "samples", Sheet(picture, "one\n\ntwo *", sounds))
    version, scalars, samples = events(tmp_path)  # also before it is closed
    log.close()
    assert version.file_version == "brain.Event:2"
    assert scalars.step == 3
    values = {value.tag: value.simple_value for value in scalars.summary.value}
    assert values == {"train/loss": 1.5, "valid/elbo": -2.0}
    tags = ["samples", "samples/text", "samples/00", "samples/01"]
    assert samples.step == 6 and [value.tag for value in samples.summary.value] == tags
    image, text, *sounds = samples.summary.value
    png = io.BytesIO(image.image.encoded_image_string)
    np.testing.assert_array_equal(np.asarray(Image.open(png)), picture)
    assert text.metadata.plugin_data.plugin_name == "text"
    assert text.tensor.string_val[0] == b"    one\n    \n    two *"  # Markdown leaves it as it is
    assert [sound.audio.encoded_audio_string for sound in sounds] == [b"RIFF", b"RIFF1"]


def logged_twice(workdir):
    """Eight steps, of which the last four come again after a restart from step 4."""
    for start in (0, 4):
        log = Log(workdir, tensorboard=True)
        log.rewind(start, 8)
        for step in range(start + 1, 9):
            log.scalars(step, {"loss": 10.0 * start + step})
        log.close()
    return [(step, float(step if step <= 4 else 40 + step)) for step in range(1, 9)]


def test_tensorboard_shows_a_step_that_came_again_once(tmp_path):
    expected = logged_twice(tmp_path)
    assert shown_by_tensorboard(tmp_path, "loss") == expected
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == expected


@pytest.mark.slow
def test_so_says_tensorboard_itself(tmp_path):
    expected = logged_twice(tmp_path)
    program = (
        "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator;"
        f"read = EventAccumulator({str(tmp_path)!r}); read.Reload();"
        "print([(event.step, event.value) for event in read.Scalars('loss')])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.stdout.splitlines()[-1] == str(expected), said.stderr


def test_writing_events_needs_no_tensorflow(tmp_path):
    program = (
        "import pathlib, sys; from vae.training.logs import Log;"
        f"log = Log(pathlib.Path({str(tmp_path)!r}), tensorboard=True);"
        "log.scalars(1, {'a': 1.0}); log.close(); sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_json_has_null_for_what_is_not_finite():
    value = {
        "a": math.nan,
        "b": [math.inf, 1.5, (-math.inf,)],
        "c": {"d": np.float64("nan"), "e": 2},
    }
    assert as_json(value) == '{"a": null, "b": [null, 1.5, [null]], "c": {"d": null, "e": 2}}'


DAMAGE = {
    "zeros": b"\0" * 64,
    "no UTF-8": b'{"step": 2, "valid/elbo": \xff\xfe}',
    "two lines in one": b'{"step": 2, "train/lo{"step": 2, "valid/elbo": -9.0}',
    "another shape": b"[1, 2]",
    "no step": b'{"valid/elbo": -9.0}',
    "no whole step": b'{"step": "2", "valid/elbo": -9.0}',
    "a figure of text": b'{"step": 2, "valid/elbo": "high"}',
}


@pytest.mark.parametrize("damaged", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_line_is_left_out_and_kept_aside(tmp_path, caplog, damaged):
    log, file = Log(tmp_path, tensorboard=False), tmp_path / "metrics.jsonl"
    log.scalars(1, {"train/loss": 3.0, "train/steps_per_second": 9.0})
    log.scalars(2, {"train/loss": math.nan})
    whole = file.read_bytes()
    first, second = whole.splitlines(keepends=True)
    file.write_bytes(first + damaged + b"\n" + second + b'{"step": 3, "train/l')
    with caplog.at_level(logging.WARNING):
        figures = log.rewind(2, 8)
    assert figures.keys() == {"train/loss"} and math.isnan(figures["train/loss"])
    assert file.read_bytes() == whole
    assert damaged in (tmp_path / "metrics.jsonl.damaged").read_bytes()
    assert "line 2 cannot be read and is left out" in caplog.text


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "metrics.jsonl")
    with pytest.raises(InputError, match=r"metrics\.jsonl is a pipe"):
        Log(tmp_path, tensorboard=False)


def test_a_line_that_a_kill_cut_off_is_not_damaged(tmp_path, caplog):
    log, file = Log(tmp_path, tensorboard=False), tmp_path / "metrics.jsonl"
    log.scalars(1, {"train/loss": 3.0})
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"step": 2, "train/l')
    assert log.rewind(1, 8) == {"train/loss": 3.0}
    assert file.read_bytes() == whole and not caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_figures_of_the_test_set_come_again_at_the_end_of_a_run_alone(tmp_path):
    log, file = Log(tmp_path, tensorboard=False), tmp_path / "metrics.jsonl"
    log.scalars(4, {"train/loss": 3.0})
    log.scalars(4, {"test/elbo": -5.0})
    before = file.read_bytes()
    assert log.rewind(4, 8) == {"train/loss": 3.0}  # a longer run: these are earned
    assert file.read_bytes() == before
    assert log.rewind(4, 4) == {"train/loss": 3.0}
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"step": 4, "train/loss": 3.0}
    ]
