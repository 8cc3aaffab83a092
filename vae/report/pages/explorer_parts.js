"use strict";
const run = JSON.parse(document.getElementById("run").textContent);
const $ = (id) => document.getElementById(id);

// What is said to a person, and what is asked of the server.

function say(sentence) {
  $("said").firstElementChild.textContent = sentence;
  $("said").hidden = !sentence;
  if (sentence) $("said").scrollIntoView({ block: "nearest" });
}
$("said").lastElementChild.onclick = () => say("");

async function post(path, body) {
  let answer;
  try {
    answer = await fetch(path, { method: "POST", body });
  } catch {
    throw new Error("The explorer does not answer: is `vae explore` still running?");
  }
  const found = await answer.json();
  if (found.error) throw new Error(found.error);
  return found;
}
const ask = (question, settings) => post("/ask/" + question, JSON.stringify(settings));

/** Runs `work` one at a time, and once more where it was called meanwhile; shows what goes wrong. */
let running = 0;
function latest(work) {
  let busy = false, again = false;
  const count = (change) => { running += change; $("tabs").classList.toggle("running", running > 0); };
  return async () => {
    if (busy) { again = true; return; }
    busy = true;
    count(1);
    try {
      do { again = false; await work(); } while (again);
    } catch (error) {
      say(error.message);
    } finally {
      busy = false;
      count(-1);
    }
  };
}

// How examples are shown.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  Object.assign(made, attributes);
  made.append(...children);
  return made;
}

function medium({ kind, text, address }) {
  if (kind.startsWith("image/")) {
    const image = element("img", { alt: "" });
    image.onload = () => image.classList.toggle("pixels", image.naturalWidth <= 32);
    image.src = address;
    return image;
  }
  if (kind.startsWith("audio/")) return element("audio", { controls: true, src: address });
  return element("div", { className: "text", textContent: text.trim() });
}

const isRow = (item) => item.media[0].kind === "text/csv";

/** Returns rows of tables as one table, with a line for each of their columns. */
function table(items) {
  const read = items.map((item) => item.media[0].text.trim().split(/\r?\n/).map(cells));
  const head = element("tr", {}, element("th"), ...items.map((item) => element("th", { textContent: item.title })));
  const lines = read[0][0].map((name, i) => element("tr", {}, element("td", { textContent: name }),
    ...read.map((rows) => element("td", { textContent: number(+rows[1][i]) }))));
  return element("div", { className: "wide" }, element("table", {}, head, ...lines));
}
const cells = (line) => (line.match(/("([^"]|"")*"|[^,]*)(,|$)/g) || []).slice(0, line.endsWith(",") ? undefined : -1)
  .map((cell) => cell.replace(/,$/, "").replace(/^"|"$/g, "").replaceAll('""', '"'));
const number = (value) => String(+value.toPrecision(4));

/** Shows items in a box; pictures that are there get another address, so that nothing flickers. */
function show(box, items) {
  const form = JSON.stringify(items.map((item) => item.media.map((part) => part.kind)));
  if (isRow(items[0])) {
    box.replaceChildren(table(items));
  } else if (box.dataset.form !== form) {
    box.replaceChildren(...items.map((item) => {
      const figure = element("figure", {}, element("figcaption", { textContent: item.title }), ...item.media.map(medium));
      figure.classList.toggle("words", item.media[0].kind === "text/plain");
      return figure;
    }));
  } else {
    items.forEach((item, i) => {
      const [caption, ...parts] = box.children[i].children;
      caption.textContent = item.title;
      item.media.forEach((part, j) => {
        if (part.address) parts[j].src = part.address; else parts[j].textContent = part.text.trim();
      });
    });
  }
  box.dataset.form = form;
}

// Controls.

/** Returns a slider with its name and value; `told` is called with the value as it moves. */
function slider(name, { low, high, step, value, told, late = false, format = number }) {
  const output = element("output"), input = element("input", { type: "range" });
  Object.assign(input, { min: low, max: high, step, value });
  input.setAttribute("aria-label", name);
  const control = element("div", { className: "control" },
    element("label", {}, element("span", { textContent: name, title: name }), output), input);
  const write = () => { output.textContent = format(+input.value); };
  input.oninput = () => {
    write();
    control.classList.add("moved");
    if (!late) told(+input.value);
  };
  if (late) input.onchange = () => told(+input.value);
  control.put = (at) => { input.value = at; write(); control.classList.remove("moved"); };
  write();
  return control;
}

function select(name, choices, told) {
  const input = element("select", {}, ...choices.map(([value, text]) => element("option", { value, textContent: text })));
  input.setAttribute("aria-label", name);
  input.onchange = () => told(input.value);
  const control = element("div", { className: "control" }, element("label", {}, element("span", { textContent: name })), input);
  control.put = () => { input.selectedIndex = 0; };
  control.chosen = () => input.value;
  return control;
}

/** Appends controls under a title and what they are in, or why there are none. */
function group(box, title, unit, why, controls) {
  if (!controls.length && !why) return;
  box.append(element("h3", {}, title, element("span", { className: "note", textContent: why ? "" : ` ${unit}` })));
  box.append(why ? element("p", { className: "note", textContent: why }) : element("div", { className: "controls" }, ...controls));
}
