"use strict";
const state = {
  first: 0, last: 1, slot: "first", // the chosen examples, and which of them is chosen next
  items: [], latents: {}, edits: {}, label: "", position: {}, share: 0.5, ends: [],
};

// Examples.

const examples = [];
$("examples").classList.toggle("words", run.examples.length > 0 && run.examples[0].media[0].kind.startsWith("text/"));

function list(found) {
  for (const item of found) {
    const index = examples.length;
    const [part] = item.media;
    const line = isRow(item) ? element("div", { className: "text", textContent: item.title }) : medium(part);
    const button = element("button", { type: "button", className: "example", title: item.title }, line);
    button.setAttribute("aria-label", item.title);
    button.onclick = () => choose(index);
    examples.push(button);
    $("examples").append(button);
  }
}

function choose(index, slot = state.slot) {
  state[slot] = index;
  mark();
  if (slot === "first") { back(false); first(); }
  if (tab === "between") way();
}

function mark() {
  examples.forEach((button, i) => {
    button.classList.toggle("first", i === state.first);
    button.classList.toggle("last", tab === "between" && i === state.last);
  });
}

const labels = run.labels.map(({ name, prefix, classes }) =>
  select("its " + name, classes.map((of) => [prefix + of, of]), () => {}));
$("told").append(...labels);
$("told").hidden = !labels.length;

async function own(name, content) {
  say("");
  $("drop").classList.add("busy");
  const query = new URLSearchParams([["name", name], ...labels.map((one) => ["labels", one.chosen()])]);
  try {
    const { first, examples: found, note } = await post("/files?" + query, content);
    list(found);
    choose(first);
    examples[first].scrollIntoView({ block: "nearest", inline: "center" });
    if (note) say(note);
  } catch (error) {
    say(error.message);
  }
  $("drop").classList.remove("busy");
}
$("file").onchange = () => {
  for (const file of $("file").files) own(file.name, file);
  $("file").value = "";
};
for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", over);
    if (name === "drop") for (const file of event.dataTransfer.files) own(file.name, file);
  });
}
$("typed").hidden = !run.typed;
$("typed").onsubmit = (event) => {
  event.preventDefault();
  own("written.txt", $("typed").querySelector("textarea").value);
};
$("slots").querySelectorAll("button").forEach((button, i, both) => {
  button.onclick = () => {
    state.slot = i ? "last" : "first";
    both.forEach((each) => each.setAttribute("aria-pressed", each === button));
  };
});

// Change one example.

const change = latest(async () => {
  const { first: example, latents, edits, label } = state;
  const residual = $("residual").firstElementChild.checked;
  const { items } = await ask("changed", { example, latents, edits, label, residual });
  if (isRow(items[0])) show($("shown"), [...state.items, ...items]); // one table of all
  else show($("moved"), items);
});

const first = latest(async () => {
  const { items, likeness, position } = await ask("chosen", { example: state.first });
  state.items = items;
  if (!isRow(items[0])) show($("shown"), items);
  state.position = position;
  const figures = Object.entries(likeness).filter(([, value]) => value !== null);
  $("likeness").textContent = "The reconstruction: " + figures.map(([name, value]) => `${name} ${number(value)}`).join(", ");
  $("likeness").hidden = !figures.length;
  axes.forEach((axis) => { if (!(axis.key in state.latents)) axis.put(position[axis.key]); });
  if (run.painted.length) canvas();
  await change();
});

const edit = (name, strength) => {
  if (strength) state.edits[name] = strength; else delete state.edits[name];
  change();
};
const strength = { low: -run.strength, high: run.strength, step: 0.05, value: 0 };
const edits = run.edits.map((name) =>
  slider(name.replaceAll("_", " "), { ...strength, told: (value) => edit(name, value), format: (v) => (v > 0 ? "+" : "") + number(v) }));
for (const { name, classes } of run.choices) {
  edits.push(select(name, [["", "as it is"], ...classes.map((of) => [of, of])], (value) => {
    for (const of of classes) delete state.edits[`${name}=${of}`];
    edit(value ? `${name}=${value}` : "", value ? 1 : 0);
  }));
}
if (run.decoded_as.length) {
  edits.push(select("decoded as", [["", "its own class"], ...run.decoded_as.map((of) => [of, of])],
    (value) => { state.label = value; change(); }));
}
const meant = run.edits.length ? "0 leaves an example as it is; 1 is the way from examples without it to those with it" : "";
group($("edits"), "Attributes", meant, run.why_no_edits, edits);
const axes = run.latents.map(({ key, name, activity }) => Object.assign(
  slider(name, { low: -run.reach, high: run.reach, step: 0.05, value: 0,
    told: (value) => { state.latents[key] = value; change(); } }),
  { key, title: `activity ${number(activity)}` }));
group($("latents"), "Latents", "in standard deviations, the most active first", run.why_no_latents, axes);

function back(ask = true) {
  state.latents = {}; state.edits = {}; state.label = "";
  edits.forEach((control) => control.put(0));
  axes.forEach((axis) => axis.put(state.position[axis.key] ?? 0));
  if (ask) change();
}
$("reset").onclick = () => back();
$("residual").hidden = !run.residual;
$("residual").firstElementChild.onchange = change;

// Between two.

const method = () => $("way").querySelector("select").value;
const asked = (shares) => ask("between", { first: state.first, last: state.last, method: method(), shares });
const along = latest(async () => {
  const { items } = await asked([state.share]);
  show($("ends"), [state.ends[0], ...items, state.ends[1]]);
});
const way = latest(async () => {
  const { items } = await asked(run.strip);
  show($("strip"), items);
  state.ends = [{ ...items[0], title: "first, decoded" }, { ...items.at(-1), title: "last, decoded" }];
  await along();
});
$("way").append(
  slider("share of the way", { low: 0, high: 1, step: 0.01, value: 0.5, format: (v) => `${Math.round(100 * v)}%`,
    told: (value) => { state.share = value; along(); } }),
  select("how", run.methods.map((name) => [name, name]), way));

// Samples.

const sampling = { seed: 0, attributes: {}, labels: {} };
const sampled = latest(async () => {
  $("samples").classList.add("busy");
  try {
    const { labels, ...settings } = sampling;
    const told = Object.values(labels).filter(Boolean);
    show($("samples"), (await ask("sampled", { ...settings, labels: told })).items);
  } finally {
    $("samples").classList.remove("busy");
  }
  $("seed").textContent = `seed ${sampling.seed}`;
});
const set = (name) => (value) => {
  if (value === "") delete sampling[name]; else sampling[name] = value;
  sampled();
};
const controls = [
  slider("temperature", { low: 0, high: 2, step: 0.05, value: 1, told: set("temperature") }),
];
if (run.priors.length) {
  controls.push(select("prior", [["", "the run's own"], ...run.priors.map((name) => [name, `${name}, fitted`])], set("prior")));
}
for (const { name, prefix, classes } of run.labels) {
  controls.push(select(name, [["", "each in turn"], ...classes.map((of) => [prefix + of, of])],
    (value) => { sampling.labels[name] = value; sampled(); }));
}
if (run.draw) {
  controls.push(select("shown", [["", "the mean of p(x | z)"], ["true", "x drawn from p(x | z)"]],
    (value) => set("draw")(value ? true : "")));
}
if (run.path) {
  controls.push(slider("steps", { low: 1, high: 64, step: 1, value: 32, late: true, told: set("steps") }),
    select("solver", [["", "heun"], ["euler", "euler"]], set("solver")));
}
if (run.guided) {
  controls.push(slider("guidance", { low: 0, high: 6, step: 0.5, value: 1, late: true, told: set("guidance") }));
}
if (run.causal) {
  controls.push(slider("top p", { low: 0.1, high: 1, step: 0.05, value: 1, late: true, told: set("top_p") }),
    slider("temperature of the decoder", { low: 0, high: 2, step: 0.1, value: 1, late: true, told: set("decoder_temperature") }));
}
for (const { name, low, high } of run.told) {
  controls.push(slider(name.replaceAll("_", " "), { low, high, step: (high - low) / 40, value: (low + high) / 2,
    told: (value) => { sampling.attributes[name] = value; sampled(); } }));
}
$("settings").append(...controls);
$("again").onclick = () => { sampling.seed += 1; sampled(); };
$("keep").hidden = !run.encodes;
$("samples").onclick = async (event) => {
  const figure = event.target.closest("figure"), cell = event.target.closest("td, th");
  const index = cell ? cell.cellIndex - 1 : [...$("samples").children].indexOf(figure);
  if (index < 0 || event.target.closest("audio") || !run.encodes) return;
  try {
    const { first, examples: found } = await ask("kept", { index });
    list(found);
    choose(first, "first");
    open("change");
  } catch (error) {
    say(error.message);
  }
};

// Fill in what is painted over.

const [rows, columns] = run.painted.length ? run.painted : [1, 1];
const paint = new Uint8Array(rows * columns);
let picture = null, brush = Math.max(1, Math.round(columns / 10)), repairs = 3, sweeps = 100;

function canvas() {
  picture = new Image();
  picture.onload = drawn;
  picture.src = $("shown").querySelector("img").src;
}
function drawn() {
  const board = $("canvas"), scale = Math.max(1, Math.round(384 / Math.max(rows, columns)));
  board.width = columns * scale; board.height = rows * scale;
  const pen = board.getContext("2d");
  pen.imageSmoothingEnabled = columns > 32;
  pen.drawImage(picture, 0, 0, board.width, board.height);
  pen.fillStyle = "#d9690bcc";
  paint.forEach((on, i) => { if (on) pen.fillRect((i % columns) * scale, Math.floor(i / columns) * scale, scale, scale); });
}
function dab(event) {
  const box = $("canvas").getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * columns, y = ((event.clientY - box.top) / box.height) * rows;
  for (let i = 0; i < paint.length; i++) {
    if (Math.hypot((i % columns) + 0.5 - x, Math.floor(i / columns) + 0.5 - y) <= brush / 2 + 0.2) paint[i] = 1;
  }
  drawn();
}
$("canvas").onpointerdown = (event) => { $("canvas").setPointerCapture(event.pointerId); dab(event); };
$("canvas").onpointermove = (event) => { if (event.buttons) (event.getCoalescedEvents?.() ?? [event]).forEach(dab); };
$("clear").onclick = () => { paint.fill(0); drawn(); };
$("brush").append(
  slider("brush, pixels", { low: 1, high: Math.ceil(Math.max(rows, columns) / 3), step: 1, value: brush, told: (v) => { brush = v; } }),
  slider("repairs", { low: 1, high: 6, step: 1, value: repairs, told: (v) => { repairs = v; } }),
  slider("sweeps: more take longer and mix better", { low: 10, high: 400, step: 10, value: sweeps, told: (v) => { sweeps = v; } }));
$("start").onclick = async () => {
  say("");
  $("start").disabled = true;
  const began = Date.now();
  const clock = setInterval(async () => {
    const line = await fetch("/doing").then((answer) => answer.text(), () => "");
    if ($("start").disabled) $("doing").textContent = line || `${Math.round((Date.now() - began) / 1000)} s`;
  }, 500);
  try {
    const { items, note } = await ask("filled", { example: state.first, painted: paint.join(""), sweeps, samples: repairs });
    show($("filled"), items);
    $("mixing").textContent = note.replace("--sweeps", "the sweeps");
  } catch (error) {
    say(error.message);
  }
  clearInterval(clock);
  $("start").disabled = false;
  $("doing").textContent = "";
};

// Tabs.

const TABS = { change: "Change", between: "Between two", sample: "Sample", fill: "Fill in" };
if (!run.encodes) { delete TABS.change; delete TABS.between; $("aside").hidden = true; }
if (!run.painted.length || !run.encodes) delete TABS.fill;
let tab = "";

function open(name) {
  tab = name;
  for (const button of $("tabs").children) button.setAttribute("aria-selected", button.dataset.tab === name);
  for (const id of ["change", "between", "sample", "fill"]) $(id).hidden = id !== name;
  $("slots").hidden = name !== "between";
  if (name !== "between") state.slot = "first";
  $("slots").querySelectorAll("button").forEach((each, i) => each.setAttribute("aria-pressed", (state.slot === "last") === !!i));
  mark();
  if (name === "between" && examples.length) way();
  if (name === "sample" && !$("samples").children.length) sampled();
  if (name === "fill" && run.why_not_filled) { say(run.why_not_filled); $("start").disabled = true; }
}
for (const [name, title] of Object.entries(TABS)) {
  const button = element("button", { type: "button", textContent: title, onclick: () => open(name) });
  button.dataset.tab = name;
  button.setAttribute("role", "tab");
  $("tabs").append(button);
}
list(run.examples);
state.last = Math.min(1, Math.max(0, examples.length - 1));
open(Object.keys(TABS)[0]);
if (examples.length) first();
if (run.remarks.length) say(run.remarks.join(" "));
