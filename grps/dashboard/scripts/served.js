// Graphs as pictures, models as a table, and why their batches were small.

const BOX = { width: 190, height: 74, gapX: 60, gapY: 22 };

function stack(minute) {
  const share = shares(minute);
  const rest = Math.max(0, 1 - STAGES.reduce((sum, stage) => sum + share[stage], 0));
  const parts = [...STAGES.map((stage) => [stage, share[stage]]), ["other", minute.duration.count ? rest : 0]];
  const shown = parts.filter(([, part]) => part > 0.004);
  const text = shown.map(([stage, part]) => `${t(`stage_${stage}`)} ${(100 * part).toFixed(0)} %`).join(t("comma"));
  return make("span", { class: "stack", role: "img", "aria-label": text || "–", title: text },
    ...shown.map(([stage, part]) => make("i", { class: stage, style: `width:${100 * part}%` })));
}

function showKey() {
  byId("stage-key").replaceChildren(...STAGES.map((stage) => make("span", {}, make("i", { class: stage }), t(`stage_${stage}`))));
}

function head(...keys) {
  return make("thead", {}, make("tr", {}, ...keys.map(([key, isNumber]) => make("th", { scope: "col", class: isNumber ? "number" : "" }, t(key)))));
}

function row(first, ...cells) {
  return make("tr", {}, make("th", { scope: "row" }, first), ...cells.map((cell) => (cell instanceof Node ? make("td", {}, cell) : make("td", { class: "number" }, cell))));
}

function showModels(live) {
  const rows = live.models.map((model) => {
    const { minute } = model;
    const ended = minute.succeeded + minute.failed;
    return row(model.model, number(ended / Math.max(1, minute.seconds)), `${percent(minute.failed, ended).toFixed(minute.failed ? 1 : 0)} %`,
      `${number(minute.duration.p50_ms)} ms`, `${number(minute.duration.p99_ms)} ms`, number(model.queue_length), number(model.in_flight),
      model.native ? "–" : number(model.instances), model.native ? "–" : `${(100 * busyShare(model)).toFixed(0)} %`, number(model.restarts),
      model.batches ? number(model.rows / model.batches) : "–", stack(minute));
  });
  const unloaded = live.unloaded.map((model) => row(model, t("not_loaded"), ...Array(10).fill("–")));
  byId("models").replaceChildren(
    head(["model"], ["calls", 1], ["failing", 1], ["p50", 1], ["p99", 1], ["queue_length", 1], ["in_flight", 1], ["instances", 1], ["busy", 1], ["restarts", 1], ["batch_size", 1], ["time_goes"]),
    make("tbody", {}, ...rows, ...unloaded));
}

function showBatches(live, served) {
  const blocks = [];
  for (const model of live.models) {
    const batching = served.models.find((one) => one.model === model.model)?.batching;
    if (!batching || !model.batches) continue;
    const small = Object.entries(model.small).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
    const full = model.batches - small.reduce((sum, [, count]) => sum + count, 0);
    const told = [...small.map(([reason, count]) => [t(`why_${reason}`), count]), [t("full"), full]].filter(([, count]) => count > 0);
    blocks.push(make("p", {}, t("batches_of", model.model, number(model.batches), number(model.rows / model.batches), batching.max_rows)),
      make("ul", {}, ...told.map(([text, count]) => make("li", {}, `${percent(count, model.batches).toFixed(0)} % ${text}`))));
    if (model.auto) blocks.push(make("p", {}, describeAuto(model.auto)));
  }
  byId("batches").replaceChildren(...(blocks.length ? [make("h3", {}, t("small")), ...blocks] : []));
}

// What batching: auto has chosen.
function describeAuto(auto) {
  const latency = (seconds) => seconds === null ? "–" : `${number(1000 * seconds)} ms`;
  return t("auto_batches", number(auto.rows), number(auto.concurrency), latency(auto.predicted_s), latency(auto.slo_s));
}

function showGpus(live) {
  if (!live.gpus.length) return byId("gpus").replaceChildren();
  const rows = live.gpus.map((gpu) => row(`${gpu.number} ${gpu.name}`, `${(100 * gpu.busy_ratio).toFixed(0)} %`,
    `${bytes(gpu.memory_used_bytes)} / ${bytes(gpu.memory_total_bytes)}`, gpu.temperature_celsius === null ? "–" : `${number(gpu.temperature_celsius)} °C`,
    gpu.power_watts === null ? "–" : `${number(gpu.power_watts)} W`));
  byId("gpus").replaceChildren(make("h3", {}, t("gpu")), make("table", {}, head(["gpu"], ["busy", 1], ["gpu_memory", 1], ["temperature", 1], ["power", 1]), make("tbody", {}, ...rows)));
}

// The graphs, or the models of the default route as one.
function pictured(served) {
  const named = served.graphs.filter((graph) => graph.nodes.length);
  const row = served.default_models ?? [];
  if (served.graphs.some((graph) => graph.name === served.default) || row.length < 2) return named;
  const nodes = row.map((model, index) => ({ name: model, model, after: [index ? row[index - 1] : "request"], when: null }));
  return [{ name: served.default, nodes, outputs: [] }, ...named];
}

function showGraphs(live, served) {
  const broken = served.graphs.filter((graph) => graph.trouble);
  byId("graphs").replaceChildren(...broken.map((graph) => make("p", { class: "note bad" }, t("broken_graph", graph.name, graph.trouble))),
    ...pictured(served).map((graph) => graphPicture(live, graph)));
}

function minuteOf(live, graph, node) {
  const own = live.nodes.find((one) => one.graph === graph.name && one.node === node.name);
  return own?.minute ?? live.models.find((one) => one.model === node.model)?.minute;
}

// Which column each node stands in: one after all that it takes from.
function columns(graph) {
  const column = new Map([["request", 0]]);
  for (const node of graph.nodes) column.set(node.name, 1 + Math.max(...node.after.map((from) => column.get(from) ?? 0), 0));
  return column;
}

function graphPicture(live, graph) {
  const column = columns(graph);
  const depth = Math.max(...column.values()) + 1;
  const rows = new Map();
  const place = new Map();
  const put = (name, x) => {
    const y = rows.get(x) ?? 0;
    rows.set(x, y + 1);
    place.set(name, { x: 8 + x * (BOX.width + BOX.gapX), y: 8 + y * (BOX.height + BOX.gapY) });
  };
  put("request", 0);
  graph.nodes.forEach((node) => put(node.name, column.get(node.name)));
  put("answer", depth);
  const taken = new Set(graph.nodes.flatMap((node) => node.after));
  const givers = graph.outputs.length ? [...new Set(graph.outputs.map((output) => output.from.slice(0, output.from.lastIndexOf("."))))] : graph.nodes.map((node) => node.name).filter((name) => !taken.has(name));
  const width = 8 + (depth + 1) * (BOX.width + BOX.gapX), height = 16 + Math.max(...rows.values()) * (BOX.height + BOX.gapY);
  const route = live.routes.find((one) => one.name === graph.name);
  const total = route?.minute.duration.mean_ms ?? 0;
  const spent = total * (route?.minute.duration.count ?? 0);
  const slow = slowestNode(live, graph)?.node;
  const svg = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  const edge = (from, to, maybe) => {
    const a = place.get(from), b = place.get(to);
    if (!a || !b) return;
    const [x1, y1, x2, y2] = [a.x + BOX.width, a.y + BOX.height / 2, b.x, b.y + BOX.height / 2], bend = (x2 - x1) / 2;
    svg.append(draw("path", { class: maybe ? "edge maybe" : "edge", d: `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}` }));
  };
  for (const node of graph.nodes) node.after.forEach((from) => edge(from, node.name, node.when));
  givers.filter((from) => from !== "request").forEach((from) => edge(from, "answer", false));
  const told = [];
  svg.append(plainBox(place.get("request"), t("request"), route ? `${number((route.minute.succeeded + route.minute.failed) / Math.max(1, route.minute.seconds))}/s` : ""));
  for (const node of graph.nodes) {
    const minute = minuteOf(live, graph, node);
    const model = live.models.find((one) => one.model === node.model);
    svg.append(nodeBox(place.get(node.name), node, minute, model, spent, node.name === slow));
    told.push(t("pair", node.name, `${number(minute?.duration.mean_ms ?? null)} ms`));
  }
  svg.append(plainBox(place.get("answer"), t("answer"), total ? `${number(total)} ms` : ""));
  svg.setAttribute("aria-label", t("pair", `${t("graph")} ${graph.name}`, told.join(t("comma"))));
  return make("div", { class: "graph" }, make("h3", {}, `${t("graph")} ${graph.name ?? ""}`), make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${t("graph")} ${graph.name ?? ""}` }, svg));
}

function plainBox(at, name, more) {
  return draw("g", {}, draw("rect", { class: "box", x: at.x, y: at.y, width: BOX.width, height: BOX.height, rx: BOX.height / 2 }),
    draw("text", { x: at.x + BOX.width / 2, y: at.y + 34, "text-anchor": "middle" }, name),
    draw("text", { x: at.x + BOX.width / 2, y: at.y + 52, "text-anchor": "middle", class: "quiet" }, more));
}

function nodeBox(at, node, minute, model, spent, slow) {
  const box = draw("g", {}, draw("rect", { class: slow ? "box slow" : "box", x: at.x, y: at.y, width: BOX.width, height: BOX.height, rx: 8 }));
  const fit = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
  box.append(draw("text", { x: at.x + 10, y: at.y + 20, "font-weight": 600 }, fit(node.name, 14)));
  box.append(draw("text", { x: at.x + 10, y: at.y + 37, class: "quiet" }, fit(node.when ? `${node.model} · ${t("only_if", node.when)}` : node.model, 27)));
  const mean = minute?.duration.count ? minute.duration.mean_ms : null;
  if (mean !== null) {
    // A node may run in some of the requests only: its share is of the time of all.
    const part = spent ? ` · ${Math.min(100, percent(mean * minute.duration.count, spent)).toFixed(0)} %` : "";
    box.append(draw("text", { x: at.x + BOX.width - 10, y: at.y + 20, "text-anchor": "end", "font-weight": 600 }, `${number(mean)} ms`));
    box.append(draw("text", { x: at.x + 10, y: at.y + 53, class: "quiet" }, `${t("queue_length")} ${number(model?.queue_length)} · ${t("busy")} ${model ? (100 * busyShare(model)).toFixed(0) : "–"} %${part}`));
    let x = at.x + 10;
    const share = shares(minute), room = BOX.width - 20;
    for (const stage of STAGES) {
      box.append(draw("rect", { class: stage, x, y: at.y + 60, width: room * share[stage], height: 7 }));
      x += room * share[stage];
    }
  }
  box.append(draw("title", {}, t("pair", node.name, STAGES.map((stage) => `${t(`stage_${stage}`)} ${number(minute?.stages[stage]?.mean_ms ?? 0)} ms`).join(t("comma")))));
  return box;
}
