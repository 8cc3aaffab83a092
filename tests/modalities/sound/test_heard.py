"""How sounds are shown and heard, and how alike they are."""

import io

import numpy as np
import pytest
import soundfile

from vae.modalities import sound
from vae.modalities.sound import notes
from vae.modalities.sound.codec import Codec
from vae.probability.event import Event

MEL = Codec("log_mel", 8000, 1, 1024, "mask", 16, 128, 32)
MU_LAW = Codec("mu_law", 8000, 2, 1024, "mask")


def event_of(codec):
    return Event(codec.shape, codec.values, codec=codec.as_json())


def played(codec, number=4):
    """Notes as x of a codec; every other one ends half-way."""
    made = notes.play(notes.factors(np.arange(number)), np.arange(number), 8000, codec.samples)
    cut = [note[: 512 if i % 2 else None] for i, note in enumerate(made)]
    return sound.encode(
        [note[:, None].repeat(codec.channels, 1) for note in cut], 8000, event_of(codec)
    )


def heard(content):
    return soundfile.read(io.BytesIO(content), always_2d=True)


@pytest.mark.parametrize("codec", [MEL, MU_LAW], ids=["mel", "mu_law"])
def test_each_sound_is_a_file_and_a_row_of_a_table_is_one(codec, tmp_path):
    x, event = played(codec), event_of(codec)
    sheet = sound.sheet(x, event, "Notes", captions=["a b", "c", "d", "e"])
    assert sheet.picture.dtype == np.uint8 and np.ptp(sheet.picture) > 100
    assert list(sheet.files) == [f"/{name}.wav" for name in ("000_a_b", "001_c", "002_d", "003_e")]
    lengths = [len(heard(content)[0]) for content in sheet.files.values()]
    assert lengths == [1024, 512, 1024, 512]
    samples, rate = heard(sheet.files["/000_a_b.wav"])
    assert (rate, samples.shape[1]) == (8000, codec.channels)
    wanted = notes.play(notes.factors(np.arange(1)), np.arange(1), 8000, 1024)[0]
    assert np.abs(samples).max() == pytest.approx(np.abs(wanted).max(), rel=0.3)
    assert [path.name for path in sheet.save(tmp_path / "s.png")] == ["s.png", "s"]

    both = sound.sheet(x, event, "Pairs", beside=x)
    assert [*both.files][:2] == ["/000_given.wav", "/000_decoded.wav"]
    assert len(sound.sheet(x[:1], event, "One").files[".wav"])
    rows = sound.table(
        x.reshape(2, 2, *event.shape), event, "Rows", columns=["0", "1"], before={"from": x[:2]}
    )
    gap = 2 * round(sound.show.GAP * 8000)
    assert [len(heard(content)[0]) for content in rows.files.values()] == [
        1024 + 1024 + 512 + gap,
        512 + 1024 + 512 + gap,
    ]
    end, content = sound.file(x[1], event)
    assert end == ".wav" and len(heard(content)[0]) == 512


def test_an_example_that_is_none_leaves_its_place_empty():
    x, event = played(MEL), event_of(MEL)
    nothing = np.full_like(x[:2], np.nan)
    rows = sound.table(np.stack([x[:2], nothing]), event, "Rows", columns=["0", "1"])
    assert len(heard(rows.files["/000.wav"])[0]) > 1024


def test_likeness_of_known_differences():
    x, event = played(MEL), event_of(MEL)
    assert sound.likeness(x, x, event) == {"mse": 0, "lsd": 0}
    figures = sound.likeness(x, x + np.float32(0.03), event)
    assert figures["mse"] == pytest.approx(9e-4, rel=1e-3)
    assert figures["lsd"] == pytest.approx(3, rel=1e-3)  # decibels
    longer = np.where(np.isnan(x), np.float32(0.5), x)
    assert sound.likeness(x, longer, event)["lsd"] == 0

    x, event = played(MU_LAW), event_of(MU_LAW)
    assert sound.likeness(x, x, event)["snr"] > 40
    whole = sound.decode(x, event)
    half = sound.encode([wave / 2 for wave in whole], 8000, event)
    figures = sound.likeness(x, half, event)
    assert figures["snr"] == pytest.approx(20 * np.log10(2), abs=0.3)
    assert 3 < figures["lsd"] < 8
