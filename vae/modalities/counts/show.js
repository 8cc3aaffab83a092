// Shows a row of counts: each name, its count, and a bar of the logarithm of that.
function show(place, x, facts) {
  if (!place.querySelector("table")) {
    const box = place.appendChild(Object.assign(document.createElement("div"), { className: "rows" }));
    const table = box.appendChild(document.createElement("table"));
    for (const name of facts.names) {
      const row = table.insertRow();
      row.insertCell().textContent = name;
      row.insertCell();
      row.insertCell().appendChild(Object.assign(document.createElement("meter"), { max: Math.log1p(facts.scale * facts.high) }));
    }
  }
  [...place.querySelectorAll("tr")].forEach((row, i) => {
    row.cells[1].textContent = Number((x[i] * facts.scale).toPrecision(3));
    row.querySelector("meter").value = Math.log1p(x[i] * facts.scale);
  });
}
