"""A VAE of notes, as mel spectrograms: no download.

    python launch.py train --config=experiments/sound.py
    python launch.py sample --workdir=runs/sound
    python launch.py edit --workdir=runs/sound --attribute=note=60

    python launch.py train --config=experiments/sound.py:folder --config.data.path=DIR

    python launch.py train --config=experiments/sound.py:conditional
    python launch.py sample --workdir=runs/conditional --labels=timbre=bell,note=60

Notes of three instruments are played as they are read; `vae/modalities/sound/notes.py` says how,
and lists the factors: timbre, pitch, loudness, decay and brightness. `:conditional` is told these.
Tasks write .wav files beside their pictures. Whether what is made has the right pitch is heard by
the autocorrelation of its waveform, which knows nothing of the model:

    python -m experiments.sound runs/sound runs/conditional

2026-11-27, 2 cores of an AMD EPYC: 112 s for the first, with start-up, playing the notes, pictures
and evaluation (the second was trained on a busy machine, in 179 s of a processor's time); 1,000
test notes, nats of a density of spectrograms (protocol in result.json); of 500 of them:

|                                             | sound.py | sound.py:conditional | the notes |
|---------------------------------------------|----------|----------------------|-----------|
| test ELBO                                   | 5,202    | 5,515                |           |
| KL                                          | 40.0     | 5.8                  |           |
| reconstructions within a quarter tone       | 99.8%    | 100.0%               | 100.0%    |
| samples within one of the note asked for    |          | 99.8%                |           |
| samples with a clear pitch                  | 50.8%    | 81.0%                | 79.8%     |

Half of the conditional samples are within 5.2 cents of their pitch and 1.3 dB of their loudness.
Samples without a condition look like notes, but for some that are noise; in many a few
partials are out of tune with the others.
"""

import sys
from typing import Literal

import ml_collections
import numpy as np

from vae.config import base


def get_config(kind: Literal["", "folder", "conditional"] = "") -> ml_collections.ConfigDict:
    config = base()
    if kind == "folder":
        config.data.modality = "sound"
        config.data.padding = "silence"  # so that samples end
    else:
        config.data.name = "notes"
        config.data.train = "train[:8000]"
        config.data.valid = "valid[:1000]"
        config.data.test = "test[:1000]"
    config.data.batch_size = 64

    config.model.encoder = "conv"
    config.model.encoder_widths = (256, 256, 256)
    config.model.decoder = "conv"
    config.model.decoder_widths = (256, 256, 256)
    config.model.latent_dim = 16
    config.model.likelihood = "gaussian"
    config.model.scale = "optimal"
    config.model.prior = "coupling"  # so sharp a model has latents unlike N(0, I)
    if kind == "conditional":
        config.model.condition = "attributes"
        config.objective.beta = 10.0  # else z says again what is told, and better

    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 100
    config.training.steps = 3_000
    config.training.ema_decay = 0.995

    config.evaluation.every_steps = 1_000
    config.evaluation.num_samples = 10
    config.checkpoint.every_steps = 1_000
    config.log.images_every_steps = 2_000
    config.log.num_images = 16
    return config


def pitch_of(sound: np.ndarray, rate: int) -> tuple[float, float]:
    """Returns the pitch of a sound [L] in semitones, and how clear it is: 1 is periodic.

    It is where the autocorrelation has its first peak that is nearly as high as its highest.
    """
    lags = np.arange(rate // 1000, rate // 100)
    pairs = [(sound[:-lag], sound[lag:]) for lag in lags]
    found = np.array([a @ b / np.sqrt((a @ a) * (b @ b) + 1e-12) for a, b in pairs])
    left, middle, right = found[:-2], found[1:-1], found[2:]
    peaks = np.flatnonzero((middle >= left) & (middle >= right) & (middle > 0.9 * found.max()))
    top = int(peaks[0]) if len(peaks) else int(middle.argmax())
    bend = left[top] - 2 * middle[top] + right[top]
    offset = 0.5 * (left[top] - right[top]) / bend if bend else 0.0
    return 69 + 12 * np.log2(rate / (lags[top + 1] + offset) / 440), float(found[top + 1])


def judge(workdir: str) -> None:
    """Prints how well reconstructions, and samples with known factors, have these factors."""
    import vae
    from vae.data.prepare import first_examples
    from vae.modalities import sound
    from vae.modalities.sound import notes

    run = vae.load(workdir)
    x, y, *_ = first_examples(run.dataset(), "test", 500, run.config)
    told = y if run.model.condition else None
    made = {
        "test notes": x,
        "reconstructions": run.reconstruct(x, told),
        "samples": run.sample(500, labels=told),
    }
    pitch, loudness = notes.pitch_of(y), y[:, notes.NAMES.index("Loudness")]
    for what, examples in made.items():
        heard = [note.astype(float) for note in sound.decode(examples, run.event)]
        rate = run.config.data.sample_rate or 8000
        found, clear = np.transpose([pitch_of(note[:, 0], rate) for note in heard])
        print(f"{what} of {workdir}: {np.mean(clear > 0.9):.1%} have a clear pitch")
        if what == "samples" and told is None:
            continue
        cents = 100 * np.abs(found - pitch)
        peaks = np.array([20 * np.log10(np.abs(note).max() + 1e-6) for note in heard])
        print(
            f"  {np.mean(cents < 50):.1%} within a quarter tone of the pitch asked for, "
            f"half of them within {np.median(cents):.1f} cents; "
            f"loudness off by {np.median(np.abs(peaks - loudness)):.1f} dB (median)"
        )
        for timbre in range(3):
            own = y[:, timbre] == 1
            print(f"    {notes.NAMES[timbre]}: {np.mean(cents[own] < 50):.1%} of {own.sum()}")


if __name__ == "__main__":
    for workdir in sys.argv[1:]:
        judge(workdir)
