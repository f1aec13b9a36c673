// All series by name: a small line each, and a large one of those that are chosen.

const MOST_ASKED = 60;
let allNames = [];
let chosen = new Set();
const sparks = new Map();
const seen = new Set();

let asksSoon = 0;

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) seen[entry.isIntersecting ? "add" : "delete"](entry.target.dataset.name);
  clearTimeout(asksSoon);
  if (!paused) asksSoon = setTimeout(() => Promise.allSettled([refreshSeries()]).then(report), 150);
}, { rootMargin: "100px" });

function showNames() {
  const wanted = byId("series-filter").value.trim().toLowerCase();
  const own = byId("series-own").checked;
  const names = allNames.filter((name) => (own || !name.startsWith("*")) && name.toLowerCase().includes(wanted));
  byId("series-count").textContent = t("series_count", names.length, allNames.length);
  const list = byId("series-list");
  for (const [name, element] of sparks) {
    if (names.includes(name)) continue;
    watcher.unobserve(element.row);
    seen.delete(name);
    element.row.remove();
    element.large?.remove();
    sparks.delete(name);
  }
  const fragment = document.createDocumentFragment();
  for (const name of names) {
    if (sparks.has(name)) continue;
    const line = make("span"), value = make("span", { class: "value" }, "…");
    const row = make("button", { type: "button", class: "spark", "aria-expanded": "false", "data-name": name, onclick: () => toggle(name) }, make("span", { class: "name", title: name }, name), line, value);
    sparks.set(name, { row, line, value, large: null });
    watcher.observe(row);
    fragment.append(row);
  }
  list.append(fragment);
  showNoSeries(names.length);
}

function toggle(name) {
  const spark = sparks.get(name);
  if (chosen.delete(name)) {
    spark.large?.remove();
    spark.large = null;
  } else {
    chosen.add(name);
  }
  spark.row.setAttribute("aria-expanded", String(chosen.has(name)));
  refreshSeries();
}

// Asks for what can be seen, and for nothing else: there may be a thousand.
async function refreshSeries() {
  const names = [...new Set([...chosen, ...seen])].filter((name) => sparks.has(name)).slice(0, MOST_ASKED);
  if (!names.length) return;
  const query = names.map((name) => `name=${encodeURIComponent(name)}`).join("&");
  const trends = await getJson(monitor(`trends?span=${byId("span").value}&${query}`));
  for (const name of names) {
    const spark = sparks.get(name);
    if (!spark) continue;
    const values = trends[name] ?? await distribution(name);
    const isTrend = Boolean(trends[name]);
    const shown = isTrend ? values.slice(0, -1) : values.map((pair) => pair[1]);
    spark.line.replaceChildren(sparkline(shown));
    const value = number(isTrend ? shown.at(-1) : middle(values));
    spark.value.textContent = isTrend ? value : `p50 ${value}`;
    spark.row.setAttribute("aria-label", t("pair", name, spark.value.textContent));
    if (chosen.has(name)) showLarge(name, spark, values, isTrend);
  }
}

const middle = (pairs) => pairs.find(([shown]) => shown === 50)?.[1] ?? null;

async function distribution(name) {
  try {
    return (await getJson(monitor(`series?name=${encodeURIComponent(name)}`))).data;
  } catch { return []; }
}

function showLarge(name, spark, values, isTrend) {
  const shown = isTrend ? values.slice(0, -1) : values.map((pair) => pair[1]);
  const known = shown.filter((value) => value !== null);
  const percentage = (label) => (label > 99 ? { 100: "99.9", 101: "99.99" }[label] : label);
  const text = isTrend ? `${number(Math.min(...known))} … ${number(Math.max(...known))}` : values.filter(([label]) => [50, 90, 99, 100].includes(label)).map(([label, value]) => t("pair", `${percentage(label)} %`, number(value))).join(t("comma"));
  const figure = make("figure", { class: "wide curve" }, make("figcaption", {}, isTrend ? t("trend_of", name) : t("cdf_of", name)), sparkline(shown), make("p", { class: "quiet" }, text));
  figure.querySelector("svg").setAttribute("style", "width:100%;height:9rem");
  spark.large?.remove();
  spark.large = figure;
  spark.row.after(figure);
}

async function refreshNames() {
  const names = await getJson(monitor("names"));
  if (names.length === allNames.length && names.every((name, index) => name === allNames[index])) return;
  allNames = names;
  showNames();
}
