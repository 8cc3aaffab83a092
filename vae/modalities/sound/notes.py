"""Notes that are played when read: any number of them, with all factors known, and no download.

| factor         | what it is                                                                      |
|----------------|---------------------------------------------------------------------------------|
| timbre=string  | 1 for a plucked string: noise in a loop with a delay and a filter (Karplus and  |
|                | Strong 1983, tuned by an all-pass filter as in Jaffe and Smith 1983)            |
| timbre=bar     | 1 for a struck bar of wood: its modes are at 1, 3.93 and 9.24 times the pitch   |
| timbre=bell    | 1 for a struck bell: its modes are at 1, 2, 2.4, 3, 4, 5 and 6 times the pitch  |
| note=48, ...   | 1 for a pitch in semitones, 69 being 440 Hz (the numbers of MIDI), 48 to 78     |
| Loudness       | dB relative to full scale at the peak, from -30 to -3                           |
| Decay          | seconds in which the note falls by 60 dB, about, from 0.15 to 1.5               |
| Brightness     | 0 for a soft pluck or mallet, 1 for a hard one                                  |

2026-11-27, one core of an AMD EPYC beside other work, 0.512 s at 8 kHz: 0.3 ms a note, by

    python -m timeit -p -s "from vae.modalities.sound import notes; import numpy as np" \\
        -s "some = np.arange(1000); factors = notes.factors(some)" \\
        "notes.play(factors, some, 8000, 4096)"
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from vae.data.drawn import DrawnExamples
from vae.data.examples import Raw, Source
from vae.data.uniform import uniform
from vae.modalities.sound.codec import Codec

RATE, SECONDS = 8000, 0.512  # unless data.sample_rate and data.seconds say others
SPLITS = {"train": range(8000), "valid": range(8000, 9000), "test": range(9000, 10_000)}

TIMBRES = ("string", "bar", "bell")
NOTES = range(48, 79)
RANGES = {"Loudness": (-30, -3), "Decay": (0.15, 1.5), "Brightness": (0, 1)}
NAMES = (*(f"timbre={name}" for name in TIMBRES), *(f"note={note}" for note in NOTES), *RANGES)

ATTACK = 0.002  # seconds in which a struck note rises
# Ratios to the pitch and strengths of the modes; a higher mode also fades sooner.
MODES = {
    "bar": ((1, 1.0), (3.932, 0.5), (9.238, 0.3)),
    "bell": ((1, 1.0), (2, 0.6), (2.4, 0.4), (3, 0.3), (4, 0.3), (5, 0.15), (6, 0.1)),
}


def factors(indices: np.ndarray) -> np.ndarray:
    """Returns the factors of the notes at `indices`, float32 [N, A], in the order of `NAMES`."""
    drawn = uniform(indices, 2 + len(RANGES))
    chosen = [
        (drawn[:, column, None] * number).astype(int) == np.arange(number)
        for column, number in enumerate((len(TIMBRES), len(NOTES)))
    ]
    low, high = np.array(list(RANGES.values()), np.float32).T
    return np.concatenate([*chosen, low + drawn[:, 2:] * (high - low)], 1).astype(np.float32)


def pitch_of(factors: np.ndarray) -> np.ndarray:
    """Returns the pitches [N] in semitones that factors [N, A] say."""
    return NOTES.start + factors[:, len(TIMBRES) : len(TIMBRES) + len(NOTES)].argmax(1)


def play(factors: np.ndarray, seeds: np.ndarray, rate: int, samples: int) -> np.ndarray:
    """Returns notes [N, L] float32 in [-1, 1].

    Args:
      factors: [N, A], see above.
      seeds: [N], of the noise with which a string begins.
      rate: samples a second.
      samples: L.
    """
    notes = np.empty((len(factors), samples), np.float32)
    frequencies = frequency_of(pitch_of(factors))
    for row, (values, seed) in enumerate(zip(factors.astype(float), seeds, strict=True)):
        kind, frequency = TIMBRES[int(values[: len(TIMBRES)].argmax())], frequencies[row]
        loudness, decay, brightness = values[-len(RANGES) :]
        if kind == "string":
            note = _string(frequency, decay, brightness, seed, rate, samples)
        else:
            note = _struck(MODES[kind], frequency, decay, brightness, rate, samples)
        notes[row] = note * (10 ** (loudness / 20) / np.abs(note).max())
    return notes


def frequency_of(pitch: np.ndarray) -> np.ndarray:
    """Returns the frequencies in Hz of pitches in semitones."""
    return 440 * 2 ** ((pitch - 69) / 12)


def _string(
    frequency: float, decay: float, brightness: float, seed: int, rate: int, samples: int
) -> np.ndarray:
    """Returns a plucked string [L].

    A burst of noise, one period long, goes round in a loop of a delay, an average of neighbours,
    by which high partials fade sooner, and an all-pass filter for the rest of the period:

        y = b + z^-D g (1 + z^-1) / 2 (c + z^-1) / (1 + c z^-1) y
    """
    from scipy import signal  # half a second of imports

    period = rate / frequency
    delay = int(period - 0.5 - 0.1)
    rest = period - 0.5 - delay  # in [0.1, 1.1), where the all-pass filter delays all alike
    c = (1 - rest) / (1 + rest)
    g = 10 ** (-3 / (decay * frequency))
    noise = np.random.default_rng(int(seed)).uniform(-1, 1, int(np.ceil(period)))
    burst = np.zeros(samples)
    burst[: len(noise)] = noise - noise.mean()  # what is constant would stay in the loop
    soft = 0.95 * (1 - brightness)
    burst = signal.lfilter([1 - soft], [1, -soft], burst)
    loop = np.zeros(delay + 3)
    loop[:2] = 1, c
    loop[delay : delay + 3] -= g / 2 * np.array([c, 1 + c, 1])
    return signal.lfilter([1, c], loop, burst)


def _struck(
    modes: tuple, frequency: float, decay: float, brightness: float, rate: int, samples: int
) -> np.ndarray:
    """Returns a struck bar or bell [L]: a sum of fading sines below half the sample rate."""
    time = np.arange(samples) / rate
    ratio, strength = np.array(modes).T
    kept = ratio * frequency < 0.45 * rate
    ratio, strength = ratio[kept, None], strength[kept, None]
    hardness = 0.1 + 0.9 * brightness  # of the mallet: how much of high modes it excites
    strength = strength * hardness ** np.maximum(np.log2(ratio), 0)
    fading = 10 ** (-3 * time / (decay / np.maximum(ratio, 1) ** 0.5))
    sines = strength * fading * np.sin(2 * np.pi * ratio * frequency * time)
    return sines.sum(0) * np.minimum(time / ATTACK, 1)


@dataclass(frozen=True)
class Notes(DrawnExamples):
    """Notes by index, played when read."""

    codec: Codec

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]  # a field of others
        return self.codec.shape

    @property
    def nbytes(self) -> int:
        return super().nbytes * np.dtype(self.codec.dtype).itemsize

    @property
    def labels(self) -> np.ndarray:
        return factors(self.indices)

    def evidence(self, sample: np.ndarray) -> Iterator[bytes]:
        yield from super().evidence(sample)
        yield self.codec.as_json().encode()

    def draw(self, indices: np.ndarray) -> Raw:
        codec, labels = self.codec, factors(indices)
        notes = play(labels, indices, codec.sample_rate, codec.samples)[..., None]
        raw = [codec.encode(note.repeat(codec.channels, 1)) for note in notes]
        return Raw(np.stack(raw), labels)


def read(codec: Codec) -> Source:
    """Returns 8,000 notes for training and 1,000 each for valid and test, with all factors."""
    splits = {name: Notes(np.array(span), codec) for name, span in SPLITS.items()}
    return Source(splits, codec.values, 0, f"notes as {codec}", NAMES, codec=codec.as_json())
