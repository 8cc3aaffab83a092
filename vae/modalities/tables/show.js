// Shows a row of a table: each column's name, its value, and where that is in the data.
function show(place, x, facts) {
  let table = place.querySelector("table");
  const of = (each, i) => (Array.isArray(each) ? each[i] : each);
  if (!table) {
    table = place.appendChild(document.createElement("table"));
    facts.names.forEach((name) => {
      const row = table.insertRow();
      row.insertCell().textContent = name;
      row.insertCell();
      const meter = row.insertCell().appendChild(document.createElement("meter"));
      Object.assign(meter, { min: facts.low, max: facts.high });
    });
  }
  [...table.rows].forEach((row, i) => {
    row.cells[1].textContent = Number((x[i] * of(facts.scale, i) + of(facts.offset, i)).toPrecision(4));
    row.querySelector("meter").value = x[i];
  });
}
