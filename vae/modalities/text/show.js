// Shows a text: its tokens up to the end, as `tokens.py` writes them.
let token = null; // what each number writes: a word, or bytes

function show(place, x, facts) {
  if (!token) {
    token = vocabulary(facts.codec.model);
    place.append(Object.assign(document.createElement("p"), { className: "text" }));
  }
  const end = x.findIndex((n) => n <= 0), found = Array.from(end < 0 ? x : x.slice(0, end), (n) => token[n]);
  const text = typeof token[1] === "string" ? found.join(" ") : new TextDecoder().decode(Uint8Array.from(found.flat()));
  place.querySelector(".text").textContent = text.replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, " ").trim() || "∅";
}

function vocabulary(model) {
  const known = Object.entries(model.vocab), made = [];
  const write = model.type === "BPE" ? written() : (word) => word;
  for (const [word, n] of known) made[n] = write(word);
  return made;
}

// Returns a function from the characters of a byte-level token to its bytes; those of no text stand 256 higher.
function written() {
  const bytes = {};
  let next = 256;
  for (let b = 0; b < 256; b++) {
    const seen = (b > 32 && b < 127) || (b > 160 && b !== 173);
    bytes[String.fromCodePoint(seen ? b : next++)] = b;
  }
  return (word) => Array.from(word, (c) => bytes[c]);
}
