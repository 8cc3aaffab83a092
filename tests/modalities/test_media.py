"""An example as a browser shows it, of each modality."""

import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from vae.modalities import counts, images, sound, tables, text, video, volumes
from vae.modalities.sound.codec import Codec
from vae.probability.event import BYTES, Event, Values

TONE = Codec("log_mel", 8000, 1, 1024, "mask", 16, 128, 32)
ROW = Event((2,), Values("real", (2.0, 1.0)), ("across", "up"))


def opened(content):
    return Image.open(io.BytesIO(content))


def test_an_image_is_shown_pixel_by_pixel():
    x = np.linspace(0, 1, 4 * 5 * 3, dtype=np.float32).reshape(4, 5, 3)
    ((kind, content),) = images.media(x, Event(x.shape, BYTES))
    assert kind == "image/png"
    np.testing.assert_array_equal(opened(content), np.rint(255 * x))


def test_a_sound_is_seen_and_heard():
    event = Event(TONE.shape, TONE.values, codec=TONE.as_json())
    wave = np.sin(np.arange(1024) / 3, dtype=np.float32)[:, None]
    x = event.values.to_x(TONE.encode(wave)[None])[0]
    (seen, picture), (heard, content) = sound.media(x, event)
    assert (seen, heard) == ("image/png", "audio/wav") and np.ptp(opened(picture)) > 100
    samples, rate = soundfile.read(io.BytesIO(content))
    assert (len(samples), rate) == (1024, 8000)


@pytest.mark.parametrize("modality", [tables, counts])
def test_a_row_is_a_table_in_its_units(modality):
    ((kind, content),) = modality.media(np.array([0.5, 3.0], np.float32), ROW)
    assert (kind, content.decode().split()) == ("text/csv", ["across,up", "1,3"])


def test_a_text_is_text(monkeypatch):
    event = Event((3, 1), Values("tokens", levels=5, missing=True, end=0))
    monkeypatch.setattr("vae.modalities.text.show.texts", lambda x, event: np.array(["one two"]))
    assert text.media(np.array([[1], [2], [0]]), event) == [("text/plain", b"one two\n")]


def test_a_solid_is_seen_and_a_clip_is_played():
    solid = np.zeros((4, 4, 4, 1), np.float32)
    solid[1:3, 1:3, 1:3] = 1
    ((kind, content),) = volumes.media(solid, Event(solid.shape, Values("binary")))
    assert kind == "image/png" and np.ptp(opened(content)) > 100
    clip = np.arange(4, dtype=np.float32).repeat(16).reshape(4, 4, 4, 1) / 3
    ((kind, content),) = video.media(clip, Event(clip.shape, BYTES))
    assert kind == "image/gif" and opened(content).n_frames == 4
