// Runs the decoder at the latents of the sliders, and has the modality's `show` show what it makes.
const element = (id) => document.getElementById(id);
const facts = JSON.parse(element("facts").textContent);

async function unpacked(id) {
  const bytes = Uint8Array.from(atob(element(id).textContent.trim()), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  element(id).remove();
  return new Response(stream).arrayBuffer();
}

const z = facts.draws[0].z.map((values) => Float32Array.from(values));
let y = facts.condition ? facts.condition.values.slice() : [];
let session, ort, running = false, waiting = false;
const sliders = [];

function tensors() {
  const given = {};
  facts.inputs.forEach((input, i) => { given[input.name] = new ort.Tensor("float32", z[i], [1, ...input.shape]); });
  if (facts.condition) {
    given.y = facts.condition.kind === "label"
      ? new ort.Tensor("int32", Int32Array.from(y), [1])
      : new ort.Tensor("float32", Float32Array.from(y), [1, y.length]);
  }
  return given;
}

async function decode() {
  if (running) { waiting = true; return; }
  running = true;
  do {
    waiting = false;
    const start = performance.now();
    const made = await session.run(tensors());
    const took = performance.now() - start;
    show(element("shown"), made.x.data, facts);
    element("took").textContent = `decoded in ${took.toFixed(took < 10 ? 1 : 0)} ms`;
    document.body.dataset.decoded = Number(document.body.dataset.decoded || 0) + 1;
  } while (waiting);
  running = false;
}

function slider(name, low, high, read, write) {
  const label = document.createElement("label"), input = document.createElement("input");
  const text = document.createElement("span"), output = document.createElement("output");
  text.textContent = name;
  Object.assign(input, { type: "range", min: low, max: high, step: (high - low) / 200 });
  const put = () => { input.value = read(); output.textContent = Number(read()).toFixed(2); };
  input.addEventListener("input", () => { write(Number(input.value)); output.textContent = Number(input.value).toFixed(2); decode(); });
  label.append(text, input, output);
  element("sliders").append(label);
  sliders.push(put);
  put();
}

function controls() {
  const condition = facts.condition;
  if (condition && condition.kind === "label") {
    const label = document.createElement("label"), select = document.createElement("select"), text = document.createElement("span");
    text.textContent = "class";
    condition.names.forEach((name, i) => select.add(new Option(name, i)));
    select.addEventListener("change", () => { y = [Number(select.value)]; decode(); });
    sliders.push(() => { select.value = y[0]; });
    label.append(text, select);
    element("sliders").append(label);
  } else if (condition) {
    condition.names.forEach((name, i) => slider(name, condition.low[i], condition.high[i], () => y[i], (v) => { y[i] = v; }));
  }
  for (const s of facts.sliders) slider(s.name, s.low, s.high, () => z[s.input][s.index], (v) => { z[s.input][s.index] = v; });
  let next = 1;
  element("draw").addEventListener("click", () => {
    const own = facts.draws.filter((draw) => draw.y === null || draw.y === y[0]);
    own[next++ % own.length].z.forEach((values, i) => z[i].set(values));
    sliders.forEach((put) => put());
    decode();
  });
  element("centre").addEventListener("click", () => {
    facts.inputs.forEach((input, i) => z[i].set(input.centre));
    sliders.forEach((put) => put());
    decode();
  });
}

try {
  const script = new Blob([await unpacked("runtime")], { type: "text/javascript" });
  ort = await import(URL.createObjectURL(script));
  ort.env.wasm.wasmBinary = await unpacked("wasm");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  session = await ort.InferenceSession.create(new Uint8Array(await unpacked("model")), { executionProviders: ["wasm"] });
  element("notices").textContent = new TextDecoder().decode(await unpacked("notices-packed"));
  element("status").remove();
  controls();
  await session.run(tensors()); // the first takes longer
  await decode();
  for (const id of ["draw", "centre"]) element(id).disabled = false;
} catch (error) {
  const status = element("status") || element("shown").appendChild(document.createElement("p"));
  status.className = "bad";
  status.textContent = `This browser cannot run the decoder: ${error.message}`;
}
