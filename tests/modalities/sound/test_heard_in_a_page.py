"""The waveform that a page makes of a spectrogram has that spectrogram."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from vae.modalities import sound
from vae.modalities.sound import spectral

SCRIPT = Path(sound.__file__).with_name("show.js")
RATE, WINDOW, HOP, MELS, SAMPLES = 8000, 400, 100, 40, 2000
CODEC = {"sample_rate": RATE, "window": WINDOW, "hop": HOP, "mels": MELS, "channels": 1}


@pytest.mark.skipif(not shutil.which("node"), reason="node is not at hand")
def test_the_page_makes_a_sound_of_its_bands():
    t = np.arange(SAMPLES) / RATE
    wave = 0.5 * np.sin(2 * np.pi * 440 * t) * np.exp(-3 * t)
    bands = spectral.log_mel(wave.astype(np.float32), RATE, WINDOW, HOP, MELS)
    program = (
        SCRIPT.read_text("utf-8")
        + "const { x, codec } = JSON.parse(require('fs').readFileSync(0));"
        + "console.log(JSON.stringify(Array.from(waveform(Float32Array.from(x), codec))));"
    )
    given = json.dumps({"x": ((bands + 100) / 100).ravel().tolist(), "codec": CODEC})
    done = subprocess.run(
        ["node", "-e", program], input=given, capture_output=True, text=True, check=True
    )
    made = np.array(json.loads(done.stdout), np.float32)
    assert made.shape == (SAMPLES,)
    loud = bands > -40
    again = spectral.log_mel(made, RATE, WINDOW, HOP, MELS)
    assert np.abs(again - bands)[loud].mean() < 2  # dB
    pitch = np.abs(np.fft.rfft(made * np.hanning(SAMPLES))).argmax() * RATE / SAMPLES
    assert abs(pitch - 440) <= 12  # three bins
