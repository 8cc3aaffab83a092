"""Recordings as people have them: of any kind, rate, length and channels, and damaged."""

import json
import logging
import zipfile

import numpy as np
import pytest
import soundfile

from vae import modalities
from vae.errors import InputError
from vae.modalities import sound
from vae.modalities.sound import codec as codecs

HALVES = {"train": "train[:50%]", "valid": "train[50%:75%]", "test": "train[75%:]"}
SMALL = {"mels": 8, "window": 64}


def tone(seconds=0.1, rate=8000, channels=1, peak=0.5, hertz=500):
    """A sine [L, channels]."""
    time = np.arange(round(seconds * rate)) / rate
    return (peak * np.sin(2 * np.pi * hertz * time))[:, None].repeat(channels, 1)


@pytest.fixture
def write(tmp_path):
    """Writes recordings, by name; gives the folder."""

    def files(sounds, rate=8000, folder=tmp_path / "sounds", **how):
        for name, content in sounds.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                (folder / name).write_bytes(content)
            else:
                soundfile.write(folder / name, content, rate, **how)
        return folder

    return files


def many(number=8, **how):
    return {f"{i}.wav": tone(hertz=300 + 100 * i, **how) for i in range(number)}


def every(found):
    return np.concatenate([split.values for split in (found.train, found.valid, found.test)])


def load(configure, path, **keys):
    return modalities.load(configure(path=path, **{**HALVES, **SMALL, **keys}))


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("wav", {"subtype": "PCM_16"}),
        ("wav", {"subtype": "PCM_24"}),
        ("wav", {"subtype": "PCM_U8"}),
        ("wav", {"subtype": "DOUBLE"}),
        ("flac", {}),
        ("ogg", {}),
        ("aiff", {}),
    ],
)
def test_the_same_sound_in_any_kind_of_file(write, configure, name, how):
    folder = write({f"{i}.{name}": tone(hertz=300 + 100 * i) for i in range(8)}, **how)
    found = load(configure, folder, representation="mu_law")
    assert found.event.shape == (800, 1) and not found.event.values.missing
    heard = sound.decode(found.event.values.to_x(every(found)), found.event)
    loud = [np.abs(np.fft.rfft(one[:, 0])).argmax() * 10 for one in heard]
    assert sorted(loud) == [300 + 100 * i for i in range(8)]
    assert max(np.abs(one).max() for one in heard) == pytest.approx(0.5, abs=0.05)


def test_rates_and_channels_become_the_common_ones(write, configure, caplog):
    folder = write({**many(5), "a.wav": tone(channels=2)})
    write({"b.wav": tone(rate=44100, hertz=700)}, 44100)
    write({"c.wav": tone(rate=192_000, channels=2, hertz=700)}, 192_000)
    with caplog.at_level(logging.INFO):
        found = load(configure, folder, representation="mu_law")
    assert "2 of 8 are resampled to 8000 Hz" in caplog.text
    codec = json.loads(found.event.codec)
    assert (codec["sample_rate"], codec["channels"]) == (8000, 2)
    x, names = sound.read_files([folder / "b.wav", folder / "2.wav"], found.event, None)
    heard = sound.decode(x, found.event)
    assert names == [str(folder / "b.wav"), str(folder / "2.wav")]
    for one in heard:
        spectrum = np.abs(np.fft.rfft(one[100:700, 0], 800)) / 150
        assert spectrum.max() == pytest.approx(1, abs=0.1)
        np.testing.assert_array_equal(one[:, 0], one[:, 1])
    mono = load(configure, folder, representation="mu_law", channels=1, sample_rate=16000)
    assert mono.event.shape == (1600, 1)


def test_lengths_are_cut_or_missing_or_silence(write, configure, caplog):
    sounds = {f"{i}.wav": tone(seconds) for i, seconds in enumerate([0.05, 0.1, 0.2, 0.1] * 2)}
    folder = write(sounds)
    found = load(configure, folder, seconds=0.1)
    assert found.event.shape == (50, 8) and found.event.values.missing
    lengths = (~np.isnan(every(found)).any(-1)).sum(1)
    assert sorted(lengths) == [25] * 2 + [50] * 6
    assert json.loads(found.event.codec)["padding"] == "mask"
    heard = sound.decode(found.event.values.to_x(every(found)), found.event)
    assert sorted(map(len, heard)) == [400] * 2 + [800] * 6
    with caplog.at_level(logging.INFO):
        counted = load(configure, folder, seconds=0.1, padding="silence")
    assert "2 of 8 recordings are longer than 0.1 s, and are cut (22.2% of all seconds)" in (
        caplog.text
    )
    assert not counted.event.values.missing and every(counted).min() == -100
    levels = load(configure, folder, representation="mu_law")
    assert levels.event.shape == (1600, 1) and levels.event.values.missing
    assert ((every(levels) == -1).sum((1, 2)) > 0).sum() == 6


def test_a_recording_that_makes_all_examples_long_is_said(write, configure, caplog):
    names = ("train", "valid", "test")
    sounds = {f"{name}/{i}.wav": tone(0.04, hertz=300 + i) for i, name in enumerate(2 * names)}
    folder = write(sounds | {"train/long.wav": tone(0.4)})
    load(configure, folder, **{name: name for name in names})
    assert "all examples 0.4 s long, and half of them have at most 0.04 s" in caplog.text
    caplog.clear()
    load(configure, folder, seconds=0.4, **{name: name for name in names})
    assert "half of them" not in caplog.text


def test_what_is_no_recording_is_named_and_left_out(write, configure, caplog):
    sounds = {f"{i}.wav": tone(0.02, hertz=200 + 5 * i) for i in range(700)}
    whole = write({"x.wav": tone()}).joinpath("x.wav").read_bytes()
    sounds |= {"cut.wav": whole[:-50], "empty.wav": b"", "noise.flac": bytes(range(200))}
    folder = write(sounds)
    soundfile.write(folder / "none.wav", np.zeros((0, 1)), 8000)
    bad = tone()
    bad[3] = np.nan
    write({"nan.wav": bad, "huge.wav": tone(peak=3e4)}, subtype="FLOAT")
    found = load(configure, folder)
    assert len(every(found)) == 706 + 1
    for reason in (
        "cut.wav cannot be read and is skipped: it is cut off",
        "empty.wav cannot be read and is skipped: it is empty",
        "none.wav cannot be read and is skipped: it has no samples",
        "nan.wav cannot be read and is skipped: 1 of 800 samples are NaN",
        "huge.wav cannot be read and is skipped: its values go up to 30000",
        "noise.flac cannot be read and is skipped",
    ):
        assert reason in caplog.text, reason
    with pytest.raises(InputError, match=r"nan.wav cannot be read as a recording: 1 of 800"):
        sound.read_files([folder / "nan.wav"], found.event, None)
    with pytest.raises(InputError, match="more than 1%"):
        write({f"{i}.wav": b"" for i in range(20)})
        load(configure, folder)


def test_silence_is_a_recording_and_clipping_is_said(write, configure, caplog):
    folder = write({**many(), "silent.wav": 0 * tone(), "still.wav": 0 * tone()})
    write({"loud.wav": tone(peak=2)}, subtype="FLOAT")
    found = load(configure, folder, representation="mu_law")
    assert caplog.text.count("silent throughout") == 1
    assert "loud.wav goes beyond full scale" in caplog.text
    x, _ = sound.read_files([folder / "silent.wav", folder / "loud.wav"], found.event, None)
    silent, loud = sound.decode(x, found.event)
    assert np.abs(silent).max() < 1e-4 and np.abs(loud).max() == 1


def test_what_a_folder_says(write, configure, tmp_path):
    folder = write({f"train/{'ab'[i % 2]}/{i}.wav": tone(hertz=200 + i) for i in range(8)})
    write({f"test/{'ab'[i % 2]}/{i}.wav": tone(hertz=900 + i) for i in range(4)})
    splits = {"train": "train", "valid": "test[:50%]", "test": "test[50%:]"}
    found = load(configure, folder, **splits)
    assert found.classes == ("a", "b") and len(found.train) == 8
    assert found.modality == "sound" and "recordings of" in found.description
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in folder.rglob("*.wav"):
            archive.write(file, file.relative_to(folder))
    packed = load(configure, tmp_path / "a.zip", **splits)
    np.testing.assert_array_equal(packed.train.values, found.train.values)
    named = load(configure, folder, label_pattern="{label}/{*}.wav", **splits)
    np.testing.assert_array_equal(named.train.labels, found.train.labels)


def test_a_table_has_attributes_of_recordings(write, configure):
    folder = write(many())
    (folder / "attributes.csv").write_text(
        "file,Hertz\n" + "".join(f"{i}.wav,{300 + 100 * i}\n" for i in range(8))
    )
    found = load(configure, folder)
    assert found.attributes == ("Hertz",)
    assert sorted(found.train.labels[:, 0]) == sorted(found.train.labels[:, 0].round(-2))


def test_a_set_in_files_is_that_in_memory(write, configure):
    sounds = {f"{i}.wav": tone(0.02 * (1 + i % 4)) for i in range(16)}
    folder = write(sounds)
    here = load(configure, folder)
    there = load(configure, folder, device_bytes=1)
    assert here.digest == there.digest and there.train.table() is None
    raw, ok = there.train.read(np.arange(len(there.train)))
    np.testing.assert_array_equal(raw.values, here.train.values)
    there_is = ~np.isnan(raw.values).any(-1)
    assert ok.all() and (there.train.lengths == there_is.sum(1)).all()


def test_arrays_are_sounds_where_the_config_says_so(configure, tmp_path):
    sounds = np.stack([tone(hertz=300 + 100 * i)[:, 0] for i in range(8)]).astype(np.float32)
    sounds[::2, 400:] = np.nan
    np.savez(tmp_path / "a.npz", x=sounds, y=np.arange(8) % 2)
    with pytest.raises(InputError, match=r"give it as data\.sample_rate"):
        load(configure, tmp_path / "a.npz", modality="sound")
    found = load(configure, tmp_path / "a.npz", modality="sound", sample_rate=8000)
    assert found.event.shape == (50, 8) and found.event.values.missing and found.num_classes == 2
    x = sound.encode([sounds[1], sounds[3][:90]], 8000, found.event)
    assert sound.check(x, found.event) is not None
    assert (~np.isnan(x).any(-1)).sum(1).tolist() == [50, 6]
    whole = np.round(32767 * np.nan_to_num(sounds)).astype(np.int16)
    np.savez(tmp_path / "b.npz", x=whole)
    ints = load(configure, tmp_path / "b.npz", modality="sound", sample_rate=8000)
    assert not ints.event.values.missing and -15 < every(ints).max() < -5


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"window": 100, "hop": 30}, "data.window=100 must be two or more times data.hop=30"),
        ({"mels": 60}, "data.mels=60 bands are too many"),
        ({"channels": 3}, "must be 1 (mono) or 2 (stereo)"),
        ({"flip": True}, "data.flip is for images"),
        (
            {"binarize": "dynamic"},
            "data.binarize is for tables, images, video, volumes, but the data are sound",
        ),
        ({"image_size": (8, 8)}, "data.image_size is for images"),
    ],
)
def test_keys_that_do_not_fit(write, configure, keys, message):
    with pytest.raises(InputError) as error:
        load(configure, write(many()), **keys)
    assert message in str(error.value)


def test_keys_of_sound_are_refused_for_images(write_images, configure, tmp_path):
    write_images(tmp_path / "images", 10)
    for keys in ({"mels": 32}, {"seconds": 1.0}, {"representation": "mu_law"}):
        with pytest.raises(InputError, match="is for sound, but the data are images"):
            modalities.load(configure(path=tmp_path / "images", **HALVES, **keys))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:, 1:], "must be"),
        (lambda x: x[0], "give x[None]"),
        (lambda x: x + np.inf, "infinity"),
        (lambda x: np.where(np.arange(8) == 3, np.nan, x), "some channels of a position"),
        (lambda x: x * np.nan, "none of this run's examples has missing positions"),
        (lambda x: x.astype(str), "no numbers"),
    ],
)
def test_arrays_from_python_are_checked(write, configure, change, message):
    found = load(configure, write(many()))
    x = found.event.values.to_x(found.test.values)
    np.testing.assert_array_equal(sound.check(x, found.event), x)
    with pytest.raises(InputError) as error:
        sound.check(change(x), found.event)
    assert message in str(error.value)


def test_a_codec_comes_back_from_its_text(write, configure):
    event = load(configure, write(many())).event
    codec = codecs.of_event(event)
    assert codec.shape == event.shape and codec.as_json() == event.codec


def test_recordings_without_samples_and_of_many_channels_are_refused(configure, write, tmp_path):
    empty = write({f"{i}.wav": np.zeros((0, 1)) for i in range(12)}, folder=tmp_path / "empty")
    with pytest.raises(InputError, match="none of its 12 recordings can be read"):
        load(configure, empty)
    many_channels = write(many(channels=7))
    with pytest.raises(InputError, match=r"have 7 channels, .* set data\.channels to 1"):
        load(configure, many_channels)
    (tmp_path / "noise.wav").write_bytes(bytes(range(200)))
    with pytest.raises(InputError, match=r"as a recording: .*[^.]\.$"):
        event = load(configure, many_channels, channels=1).event
        sound.read_files([tmp_path / "noise.wav"], event, configure())
