// Shows a solid as `view.py` does: a binary one from outside, turned by dragging; of others the slice through the middle.
let solid = null, azimuth = 35, elevation = 28;
const SIDE = 160, STEP = 0.6, LIGHT = [-0.448, -0.647, 0.617];

function show(place, x, facts) {
  const binary = facts.kind === "binary";
  if (!solid) {
    const canvas = place.appendChild(document.createElement("canvas"));
    if (binary) {
      Object.assign(canvas.style, { touchAction: "none", cursor: "grab" });
      canvas.title = "Drag to turn it";
      canvas.addEventListener("pointermove", (event) => {
        if (!event.buttons) return;
        azimuth -= event.movementX / 2;
        elevation = Math.min(Math.max(elevation + event.movementY / 2, -89), 89);
        outside(canvas);
      });
    }
  }
  const [D, H, W, C] = facts.shape, value = (a, b, c) => (a < 0 || b < 0 || c < 0 || a >= D || b >= H || c >= W ? 0 : x[((a * H + b) * W + c) * C]);
  solid = { sides: [D, H, W], value };
  (binary ? outside : slice)(place.querySelector("canvas"));
}

function slice(canvas) {
  const { sides: [D, H, W], value } = solid;
  paint(canvas, D, W, (column, row) => Array(3).fill(255 * value(column, H >> 1, W - 1 - row)));
}

function paint(canvas, width, height, colour) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) {
    image.data.set([...colour(column, row), 255], 4 * (row * width + column));
  }
  context.putImageData(image, 0, 0);
}

// Follows a ray for each pixel to the first value of 0.5; the slope there says how the surface is lit.
function outside(canvas) {
  const { sides, value } = solid, turn = (azimuth * Math.PI) / 180, rise = (elevation * Math.PI) / 180;
  const away = [-Math.sin(turn) * Math.cos(rise), Math.cos(turn) * Math.cos(rise), -Math.sin(rise)];
  const right = [Math.cos(turn), Math.sin(turn), 0];
  const up = [right[1] * away[2], -right[0] * away[2], right[0] * away[1] - right[1] * away[0]];
  const whole = Math.hypot(...sides), reach = whole / 2;
  const light = [0, 1, 2].map((i) => right[i] * LIGHT[0] + away[i] * LIGHT[1] + up[i] * LIGHT[2]);
  const between = ([a, b, c]) => {
    const i = Math.floor(a), j = Math.floor(b), k = Math.floor(c), u = a - i, v = b - j, w = c - k;
    let sum = 0;
    for (let n = 0; n < 8; n++) {
      const share = (n & 1 ? u : 1 - u) * (n & 2 ? v : 1 - v) * (n & 4 ? w : 1 - w);
      if (share) sum += share * value(i + (n & 1), j + ((n >> 1) & 1), k + (n >> 2));
    }
    return sum;
  };
  paint(canvas, SIDE, SIDE, (column, row) => {
    const across = (((column + 0.5) / SIDE) * 2 - 1) * reach * 0.9, down = (((row + 0.5) / SIDE) * 2 - 1) * reach * 0.9;
    const start = sides.map((side, i) => (side - 1) / 2 - away[i] * reach + right[i] * across - up[i] * down);
    for (let depth = 0, before = 0; depth < whole; depth += STEP) {
      const full = between(start.map((each, i) => each + away[i] * depth));
      if (full >= 0.5) {
        depth -= STEP * (1 - (0.5 - before) / Math.max(full - before, 1e-6));
        const met = start.map((each, i) => each + away[i] * depth);
        const slope = [0, 1, 2].map((i) => between(met.map((m, j) => m - (i === j))) - between(met.map((m, j) => m + (i === j))));
        const lit = slope.reduce((sum, each, i) => sum + each * light[i], 0) / Math.max(Math.hypot(...slope), 1e-6);
        const bright = (0.32 + 0.68 * Math.max(lit, 0)) * (1.15 - (0.4 * depth) / whole);
        return [237 * bright, 199 * bright, 140 * bright];
      }
      before = full;
    }
    return [255, 255, 255];
  });
}
