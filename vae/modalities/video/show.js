// Plays a clip, ten frames a second, with a rest at its end; three channels are RGB.
let clip = null, at = 0;

function show(place, x, facts) {
  if (!clip) {
    const [, height, width] = facts.shape;
    const canvas = place.appendChild(document.createElement("canvas"));
    Object.assign(canvas, { width, height, className: width < 48 ? "pixels" : "" });
    setInterval(() => draw(canvas, facts.shape), 100);
  }
  clip = x;
}

function draw(canvas, [frames, height, width, channels]) {
  const size = width * height, start = Math.min(at, frames - 1) * size * channels;
  at = (at + 1) % (frames + 5);
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = Math.round(255 * clip[start + i * channels + (channels === 3 ? c : 0)]);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
