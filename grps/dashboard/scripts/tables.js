// Heads, rows and cells of tables.

function head(...keys) {
  return make("thead", {}, make("tr", {}, ...keys.map(([key, isNumber]) => make("th", { scope: "col", class: isNumber ? "number" : "" }, t(key)))));
}

function row(first, ...cells) {
  return make("tr", {}, make("th", { scope: "row" }, first), ...cells.map((cell) => (cell instanceof Node ? make("td", { class: cell.dataset?.cell ?? "" }, cell) : make("td", { class: "number" }, cell))));
}

// A share of failures: coloured only where there are any.
const failures = (part, whole) => make("span", { "data-cell": "number", class: part ? "bad-text" : "" }, shareText(part, whole));

// A number that is quiet while it is zero.
const quietZero = (value) => make("span", { "data-cell": "number", class: value ? "" : "quiet" }, number(value));
