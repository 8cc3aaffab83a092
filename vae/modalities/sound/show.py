"""Shows sounds as waveforms over mel spectrograms, writes them as .wav, and measures likeness."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from vae.data.distance import errors
from vae.modalities import grids, pictures, scripts
from vae.modalities.sheets import Sheet, along, in_rows
from vae.modalities.sound import spectral
from vae.modalities.sound.codec import Codec, of_event
from vae.probability.event import Event

GAP = 0.25  # seconds of silence between the sounds of one file
WIDE, HIGH, WAVE = 144, 88, 31  # pixels of a spectrogram, and the height of the waveform over it
QUIET = -90.0  # dB: black in a spectrogram
INK = 190  # grey of a waveform, on black
NOTHING = 224 / 255  # grey after the end of a sound
LEAST = 1e-3  # of full scale: quieter sounds are not enlarged further


class Sounds(NamedTuple):
    """Examples as they are heard and seen.

    Attributes:
      heard: for each example, its sound [L, channels].
      bands: [N, T, M], mel bands in dB; NaN where a sound has ended.
    """

    heard: list[np.ndarray]
    bands: np.ndarray


def sounds_of(x: np.ndarray, event: Event) -> Sounds:
    """Returns examples x [N, T, C] as sounds and as mel bands, the mean of their channels."""
    codec = of_event(event)
    raw = event.values.to_raw(np.asarray(x))
    heard = codec.decode(raw)
    if codec.mels:
        return Sounds(heard, raw.reshape(*raw.shape[:2], codec.channels, codec.mels).mean(2))
    seen = _seen(codec)
    bands = np.full((len(raw), seen.shape[0], seen.mels), np.nan, np.float32)
    for row, sound in zip(bands, heard, strict=True):
        if len(sound):
            found = spectral.log_mel(
                np.ascontiguousarray(sound.mean(1)),
                *(seen.sample_rate, seen.window, seen.hop, seen.mels),
            )
            row[: len(found)] = found
    return Sounds(heard, bands)


def _seen(codec: Codec) -> Codec:
    """Returns how waveforms are drawn and compared: as mel bands with the usual windows."""
    rate = codec.sample_rate
    window = spectral.usual_window(rate)
    mels = spectral.most_mels(rate, window, 64)
    return Codec(
        "log_mel", rate, 1, codec.samples, "mask", mels, window, window // spectral.OVERLAP
    )


def sheet(
    x: np.ndarray,
    event: Event,
    title: str,
    *,
    beside: np.ndarray | None = None,
    names: tuple[str, str] = ("given", "decoded"),
    data: np.ndarray | None = None,
    captions: Sequence[str] = (),
) -> Sheet:
    """See `vae/modalities`: a grid of sounds, or of pairs of them, and a .wav file of each."""
    shown = sounds_of(x, event)
    titles = captions or [""] * len(x)
    if beside is None:
        files = {_name(i, title): sound for i, (title, sound) in _each(titles, shown.heard)}
        tiles, about = _tiles(shown, event)
        page = grids.grid(tiles, f"{title}. {about}", captions=captions)
        return Sheet(page, files=_wav(files, event))
    others = sounds_of(beside, event)
    files = {}
    for i, (given, made) in _each(shown.heard, others.heard):
        for name, sound in zip(names, (given, made), strict=True):
            files[_name(i, f"{titles[i]} {name}")] = sound
    both = Sounds([*shown.heard, *others.heard], np.concatenate([shown.bands, others.bands]))
    tiles, about = _tiles(both, event)
    originals, made_of_them = np.split(tiles, 2)
    page = grids.pairs(originals, made_of_them, f"{title}. {about}", names, captions)
    return Sheet(page, files=_wav(files, event))


def table(
    x: np.ndarray,
    event: Event,
    title: str,
    *,
    columns: Sequence[str],
    rows: Sequence[str] = (),
    before: Mapping[str, np.ndarray] | None = None,
    after: Mapping[str, np.ndarray] | None = None,
    captions: Sequence[Sequence[str]] = (),
) -> Sheet:
    """See `vae/modalities`: R rows of sounds; a .wav file has the sounds of a row, with gaps."""
    before, after = before or {}, after or {}
    every = in_rows(x, before, after)
    number, across = every.shape[:2]
    shown = sounds_of(every.reshape(-1, *every.shape[2:]), event)
    tiles, about = _tiles(shown, event)
    tiles = tiles.reshape(number, across, *tiles.shape[1:])
    first, last = len(before), across - len(after)
    page = grids.rows_of(
        tiles[:, first:last],
        f"{title}. {about}",
        columns=columns,
        rows=rows,
        before=dict(zip(before, np.moveaxis(tiles[:, :first], 1, 0), strict=True)),
        after=dict(zip(after, np.moveaxis(tiles[:, last:], 1, 0), strict=True)),
        captions=captions,
    )
    heard = [shown.heard[i * across : (i + 1) * across] for i in range(number)]
    titles = rows or [""] * number
    files = {_name(i, name): _joined(row, event) for i, (name, row) in _each(titles, heard)}
    return Sheet(page, files=_wav(files, event))


def surface(x: np.ndarray, event: Event, title: str, across: np.ndarray, up: np.ndarray) -> Sheet:
    """See `vae/modalities`: a grid of sounds, with the latents' values over and beside them."""
    return table(x, event, title, columns=along("z0", across), rows=along("z1", up))


def animate(
    x: np.ndarray, event: Event, path: Path, title: str, captions: Sequence[str] = ()
) -> list[Path]:
    """Writes nothing: a row of sounds is heard one after the other."""
    return []


def file(x: np.ndarray, event: Event) -> tuple[str, bytes]:
    """See `vae/modalities`: a sound as a .wav file."""
    codec = of_event(event)
    (sound,) = codec.decode(event.values.to_raw(x[None]))
    return ".wav", wav(sound, codec.sample_rate)


def media(x: np.ndarray, event: Event) -> list[tuple[str, bytes]]:
    """See `vae/modalities`: the waveform over the spectrogram, and what is heard."""
    (tile,), _ = _tiles(sounds_of(x[None], event), event)
    return [("image/png", pictures.png(grids.as_bytes(tile))), ("audio/wav", file(x, event)[1])]


def texts(x: np.ndarray, event: Event) -> None:
    """Returns None: sounds are not read."""
    return


def likeness(x: np.ndarray, others: np.ndarray, event: Event) -> dict[str, float]:
    """Returns how alike pairs of x and others [N, T, C] are, where x is not missing.

    "mse" is the mean squared error of x. "lsd" is the log-spectral distance in dB: the root mean
    square over bands of the difference of mel bands, averaged over frames (Gray and Markel 1976).
    For waveforms, "snr" is the mean signal-to-noise ratio in dB.
    """
    there = event.values.there(x)
    mse = float(errors(x, others, event).mean())
    others = np.where(there[..., None], others, np.float32(np.nan))
    codec, raws = of_event(event), [event.values.to_raw(part) for part in (x, others)]
    if codec.mels:
        return {"mse": mse, "lsd": _distance(*raws)}
    pairs = [codec.decode(raw) for raw in raws]
    bands = [sounds_of(part, event).bands for part in (x, others)]
    return {"mse": mse, "lsd": _distance(*bands), "snr": _ratio(*pairs)}


def _distance(bands: np.ndarray, others: np.ndarray) -> float:
    """Returns the log-spectral distance of bands [N, T, M] in dB, where they are no NaN."""
    apart = np.sqrt(((bands - others) ** 2).mean(-1))
    return float(np.nanmean(apart, dtype=np.float64))


def _ratio(sounds: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> float:
    """Returns the mean ratio in dB of the energies of sounds and of their errors."""
    energies = [
        ((given**2).sum(), ((given - made) ** 2).sum())
        for given, made in zip(sounds, others, strict=True)
    ]
    return float(np.mean([10 * np.log10((a + 1e-9) / (b + 1e-9)) for a, b in energies]))


def code_length(x: np.ndarray) -> None:
    """Returns None: for spectrograms there is no universal code."""
    return


def wav(sound: np.ndarray, rate: int) -> bytes:
    """Returns a sound [L, channels] as a .wav file of 16 bits, clipped to full scale."""
    import soundfile  # a library of its own, which runs without sound do not need

    file = io.BytesIO()
    soundfile.write(file, np.clip(sound, -1, 1), rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _wav(files: Mapping[str, np.ndarray], event: Event) -> dict[str, bytes]:
    """Returns sounds as files in a folder, by their names; one alone has no folder."""
    rate = of_event(event).sample_rate
    if len(files) == 1:
        return {".wav": wav(next(iter(files.values())), rate)}
    return {f"/{name}.wav": wav(sound, rate) for name, sound in files.items()}


def _each(*lists: Sequence) -> list[tuple[int, tuple]]:
    return list(enumerate(zip(*lists, strict=True)))


def _name(number: int, title: str) -> str:
    """Returns a file's name, which has a number and a title."""
    return "_".join(filter(None, (f"{number:03d}", re.sub(r"[^\w.=+-]+", "_", title).strip("_"))))


def _joined(sounds: Sequence[np.ndarray], event: Event) -> np.ndarray:
    """Returns sounds one after the other, with gaps."""
    codec = of_event(event)
    gap = np.zeros((round(GAP * codec.sample_rate), codec.channels), np.float32)
    parts = [part for sound in sounds for part in (sound, gap)]
    return np.concatenate(parts[:-1])


def _tiles(shown: Sounds, event: Event) -> tuple[np.ndarray, str]:
    """Returns pictures [N, H, W, 3] of sounds in [0, 1], and a sentence that explains them."""
    from matplotlib import colormaps  # takes half a second to import

    codec, bands = of_event(event), shown.bands
    loud = int(np.clip(np.ceil(np.nanmax(bands, initial=QUIET) / 10) * 10, QUIET + 10, 0))
    lit = (bands - QUIET) / (loud - QUIET)
    coloured = colormaps["magma"](np.clip(np.nan_to_num(lit), 0, 1))[..., :3]
    coloured[np.isnan(bands).any(-1)] = NOTHING
    upright = np.moveaxis(coloured, 1, 2)[:, ::-1]  # bands upwards, time to the right
    upright = (upright * 255).astype(np.uint8)
    resized = [Image.fromarray(p).resize((WIDE, HIGH), Image.Resampling.BOX) for p in upright]
    peaks = (float(np.abs(sound).max(initial=0)) for sound in shown.heard)
    peak = float(np.clip(max(peaks, default=0), LEAST, 1))  # what is beyond full scale is cut
    waves = [_wave(sound.mean(1) / peak, codec.samples) for sound in shown.heard]
    tiles = np.stack(
        [np.concatenate([w, np.asarray(p)]) for w, p in zip(waves, resized, strict=True)]
    )
    tiles = (tiles / np.float32(255)).astype(np.float32)
    tiles[np.isnan(bands).all((1, 2))] = np.nan
    seconds, top = codec.samples / codec.sample_rate, codec.sample_rate / 2000
    about = (
        f"Each has its waveform (full height: {peak:.2g} of full scale) and its mel spectrogram: "
        f"{seconds:.3g} s across, 0 to {top:g} kHz up, {QUIET:g} (black) to {loud:g} dB (white)"
    )
    return tiles, about


def _wave(sound: np.ndarray, samples: int) -> np.ndarray:
    """Returns the picture [WAVE, WIDE, 3] uint8 of a sound [L] in [-1, 1] of at most `samples`."""
    starts = np.arange(WIDE) * samples // WIDE
    starts = starts[starts < len(sound)]
    picture = np.full((WAVE, WIDE, 3), round(NOTHING * 255), np.uint8)
    if len(starts):
        middle = WAVE // 2
        top = np.rint(middle * (1 - np.maximum.reduceat(sound, starts)))
        bottom = np.rint(middle * (1 - np.minimum.reduceat(sound, starts)))
        rows = np.arange(WAVE)[:, None]
        inked = (rows >= top) & (rows <= bottom)
        picture[:, : len(starts)] = (inked * INK)[..., None]
    return picture


script = scripts.beside(__file__)
