"""The event file, read as its format is defined: length, checksum, message, checksum."""

import io
import struct
import subprocess
import sys

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event

from vae.training.logs import Log


def events(workdir):
    (file,) = workdir.glob("events.out.tfevents.*")
    content, found = file.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        found.append(Event.FromString(content[12 : 12 + length]))
        content = content[16 + length :]
    return found


def test_the_event_file_has_the_figures_and_the_pictures(tmp_path):
    log = Log(tmp_path, tensorboard=True)
    log.scalars(3, {"train/loss": 1.5, "valid/elbo": -2.0})
    colours = np.linspace(0, 1, 4 * 6 * 3).reshape(4, 6, 3)
    log.image(6, "samples", colours)
    log.image(6, "grey", np.full((5, 2, 1), 0.2))
    version, scalars, samples, grey = events(tmp_path)  # also before it is closed
    log.close()
    assert version.file_version == "brain.Event:2"
    assert scalars.step == 3
    values = {value.tag: value.simple_value for value in scalars.summary.value}
    assert values == {"train/loss": 1.5, "valid/elbo": -2.0}
    assert samples.step == 6 and samples.summary.value[0].tag == "samples"
    for event, shape, expected in ((samples, (4, 6, 3), colours), (grey, (5, 2), 0.2)):
        pixels = np.asarray(
            Image.open(io.BytesIO(event.summary.value[0].image.encoded_image_string))
        )
        assert pixels.shape == shape
        np.testing.assert_allclose(pixels / 255, expected, atol=0.5 / 255 + 1e-9)


def test_writing_events_needs_no_tensorflow(tmp_path):
    program = (
        "import pathlib, sys; from vae.training.logs import Log;"
        f"log = Log(pathlib.Path({str(tmp_path)!r}), tensorboard=True);"
        "log.scalars(1, {'a': 1.0}); log.close(); sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
