// Shows a sound: its log-mel spectrogram, or its waveform if it is mu-law; a button plays it.
// The waveform of a spectrogram is found as in `spectral.py`, with windows of a power of two.
let heard = null; // the latest x, and what is known of it

function show(place, x, facts) {
  if (!heard) {
    place.append(document.createElement("canvas"), document.createElement("p"));
    const button = place.lastChild.appendChild(document.createElement("button"));
    Object.assign(button, { type: "button", id: "play", textContent: "Play" });
    button.addEventListener("click", () => play(waveform(heard.x, heard.codec), heard.codec.sample_rate));
  }
  heard = { x: Float32Array.from(x), codec: facts.codec };
  const canvas = place.querySelector("canvas");
  canvas.style.aspectRatio = "2";
  const context = canvas.getContext("2d");
  if (facts.codec.mels) drawBands(canvas, context, x, facts.codec);
  else drawWave(canvas, context, waveform(x, facts.codec));
}

function drawBands(canvas, context, x, codec) {
  const { channels, mels } = codec, frames = x.length / (channels * mels);
  Object.assign(canvas, { width: frames, height: mels });
  const image = context.createImageData(frames, mels);
  for (let t = 0; t < frames; t++) for (let m = 0; m < mels; m++) {
    const lit = Math.min(Math.max((x[t * channels * mels + m] - 0.2) / 0.8, 0), 1); // from -80 dB
    const at = 4 * ((mels - 1 - m) * frames + t);
    image.data.set([255 * Math.min(1, 1.6 * lit), 255 * Math.max(0, 1.8 * lit - 0.8), 255 * (0.15 + 0.6 * Math.sin(Math.PI * lit)), 255], at);
  }
  context.putImageData(image, 0, 0);
}

function drawWave(canvas, context, sound) {
  Object.assign(canvas, { width: 600, height: 200 });
  context.strokeStyle = getComputedStyle(canvas).getPropertyValue("--c0") || "#1f61a6";
  context.beginPath();
  for (let i = 0; i < sound.length; i++) context.lineTo((600 * i) / sound.length, 100 - 95 * sound[i]);
  context.stroke();
}

function play(sound, rate) {
  const audio = new AudioContext({ sampleRate: rate }), buffer = audio.createBuffer(1, sound.length, rate);
  const peak = sound.reduce((most, each) => Math.max(most, Math.abs(each)), 1);
  buffer.copyToChannel(sound.map((each) => each / peak), 0);
  const source = audio.createBufferSource();
  Object.assign(source, { buffer, onended: () => audio.close() });
  source.connect(audio.destination);
  source.start();
}

// Returns the waveform of the first channel, in [-1, 1].
function waveform(x, codec) {
  if (codec.mels) return withPhases(magnitudes(x, codec), codec);
  const made = new Float32Array(x.length / codec.channels);
  for (let t = 0; t < made.length; t++) {
    const compressed = 2 * x[t * codec.channels] - 1;
    made[t] = (Math.sign(compressed) * Math.expm1(Math.abs(compressed) * Math.log(256))) / 255;
  }
  return made;
}

const sizeOf = (codec) => 2 ** Math.ceil(Math.log2(codec.window));

// Returns the magnitudes of bins, frame by frame, whose mean powers in bands are about those of x.
function magnitudes(x, codec) {
  const { channels, mels, sample_rate: rate } = codec, size = sizeOf(codec), bins = size / 2 + 1;
  const highest = 2595 * Math.log10(1 + rate / 1400);
  const corners = Array.from({ length: mels + 2 }, (_, i) => 700 * (10 ** ((highest * i) / (mels + 1) / 2595) - 1));
  const entries = [], whole = new Float64Array(bins); // [bin, band, weight], and each bin's sum
  for (let m = 0; m < mels; m++) {
    const [low, centre, high] = corners.slice(m, m + 3), own = [];
    for (let k = 0; k < bins; k++) {
      const f = (k * rate) / size, weight = Math.min((f - low) / (centre - low), (high - f) / (high - centre));
      if (weight > 0) own.push([k, m, weight]);
    }
    const sum = own.reduce((total, each) => total + each[2], 0);
    for (const each of own) { each[2] /= sum; whole[each[0]] += each[2]; entries.push(each); }
  }
  const backward = (bands) => {
    const row = new Float64Array(bins);
    for (const [k, m, weight] of entries) row[k] += (weight * bands[m]) / whole[k];
    return row;
  };
  return Array.from({ length: x.length / (channels * mels) }, (_, t) => {
    const bands = Float64Array.from({ length: mels }, (_, m) => {
      const dB = 100 * x[t * channels * mels + m] - 100;
      return dB > -100 ? 10 ** (dB / 10) : 0;
    });
    let power = backward(bands);
    for (let turn = 0; turn < 50; turn++) { // Richardson and Lucy
      const made = new Float64Array(mels);
      for (const [k, m, weight] of entries) made[m] += weight * power[k];
      const ratio = backward(bands.map((each, m) => each / Math.max(made[m], 1e-20)));
      power = power.map((each, k) => each * ratio[k]);
    }
    return power.map(Math.sqrt);
  });
}

function withPhases(magnitude, codec) {
  const size = sizeOf(codec), hop = codec.hop, bins = size / 2 + 1, length = magnitude.length * hop;
  const before = Math.floor((size - hop) / 2);
  const hann = Float64Array.from({ length: size }, (_, n) => Math.sin((Math.PI * n) / size) ** 2);
  const total = hann.reduce((sum, each) => sum + each, 0);
  const weights = new Float64Array(length);
  magnitude.forEach((_, t) => { for (let n = 0; n < size; n++) { const i = t * hop - before + n; if (i >= 0 && i < length) weights[i] += hann[n] ** 2; } });
  const spectrum = () => magnitude.map(() => [new Float64Array(bins), new Float64Array(bins)]);
  const inverse = (rows) => {
    const sound = new Float64Array(length);
    rows.forEach(([re, im], t) => {
      const a = new Float64Array(size), b = new Float64Array(size);
      for (let k = 0; k < bins; k++) { a[k] = re[k]; b[k] = im[k]; if (k && k < size / 2) { a[size - k] = re[k]; b[size - k] = -im[k]; } }
      fft(a, b, 1);
      for (let n = 0; n < size; n++) { const i = t * hop - before + n; if (i >= 0 && i < length) sound[i] += (hann[n] * a[n] * total) / 2 / size; }
    });
    return sound.map((each, i) => each / Math.max(weights[i], 1e-9));
  };
  const forward = (sound) => magnitude.map((_, t) => {
    const a = new Float64Array(size), b = new Float64Array(size);
    for (let n = 0; n < size; n++) { const i = t * hop - before + n; a[n] = i >= 0 && i < length ? (2 / total) * hann[n] * sound[i] : 0; }
    fft(a, b, -1);
    return [a.slice(0, bins), b.slice(0, bins)];
  });
  let guess = spectrum(), last = spectrum();
  magnitude.forEach((row, t) => row.forEach((each, k) => {
    const angle = (2 * Math.PI * hop * k * t) / size;
    guess[t][0][k] = each * Math.cos(angle);
    guess[t][1][k] = each * Math.sin(angle);
  }));
  for (let turn = 0; turn < 64; turn++) {
    const found = forward(inverse(guess));
    magnitude.forEach((row, t) => row.forEach((each, k) => {
      const re = found[t][0][k] + 0.99 * (found[t][0][k] - last[t][0][k]), im = found[t][1][k] + 0.99 * (found[t][1][k] - last[t][1][k]);
      const scale = each / Math.max(Math.hypot(re, im), 1e-12);
      guess[t][0][k] = scale * re;
      guess[t][1][k] = scale * im;
    }));
    last = found;
  }
  return Float32Array.from(inverse(guess));
}

// The discrete Fourier transform in place, of a power of two of numbers; sign 1 is its inverse times the size.
function fft(re, im, sign) {
  const size = re.length;
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) { [re[i], re[j]] = [re[j], re[i]]; [im[i], im[j]] = [im[j], im[i]]; }
  }
  for (let span = 2; span <= size; span *= 2) {
    for (let k = 0; k < span / 2; k++) {
      const c = Math.cos((2 * Math.PI * k) / span), s = sign * Math.sin((2 * Math.PI * k) / span);
      for (let i = k; i < size; i += span) {
        const j = i + span / 2, a = re[j] * c - im[j] * s, b = re[j] * s + im[j] * c;
        re[j] = re[i] - a; im[j] = im[i] - b; re[i] += a; im[i] += b;
      }
    }
  }
}
