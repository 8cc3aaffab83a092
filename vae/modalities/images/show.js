// Shows an image: three channels are RGB; of any other number, the first is shown in grey.
function show(place, x, facts) {
  const [height, width, channels] = facts.shape;
  let canvas = place.querySelector("canvas");
  if (!canvas) {
    canvas = place.appendChild(document.createElement("canvas"));
    Object.assign(canvas, { width, height, className: width < 48 ? "pixels" : "" });
  }
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = Math.round(255 * x[i * channels + (channels === 3 ? c : 0)]);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
