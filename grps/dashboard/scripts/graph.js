// Graphs as pictures with live figures: flow along the edges, queues before the nodes, time in them.

// Seconds that a dash takes along an edge, at the fewest and at the most requests per second.
const FLOW_S = [3, 0.5];
// The queue that fills its gauge.
const FULL_QUEUE = 32;
let graphKey = "";
let graphsShown = [];

function minuteOf(live, graph, node) {
  const own = live.nodes.find((one) => one.graph === graph.name && one.node === node.name);
  return own?.minute ?? live.models.find((one) => one.model === node.model)?.minute;
}

const rateOf = (minute) => (minute ? (minute.succeeded + minute.failed) / Math.max(1, minute.seconds) : 0);
const fit = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

// The pictures are made once for each shape of the graphs; then only their figures change, so that flow goes on.
function showGraphs(live, served) {
  const graphs = pictured(served), broken = served.graphs.filter((graph) => graph.trouble);
  const key = JSON.stringify([language, graphs, broken]);
  if (key !== graphKey) {
    graphKey = key;
    graphsShown = graphs.map((graph) => graphPicture(graph));
    byId("graphs").replaceChildren(...broken.map((graph) => make("p", { class: "note bad" }, t("broken_graph", graph.name, graph.trouble))), ...graphsShown.map((one) => one.element));
  }
  graphsShown.forEach((one) => updatePicture(one, live));
}

function graphPicture(graph) {
  const { places, edges, width, height } = layout(graph), nodes = new Map();
  const svg = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group" });
  const lines = edges.map((edge) => edgeLine(edge, places, svg));
  const ends = { request: endBox(places.get("request"), t("request"), svg), answer: endBox(places.get("answer"), t("answer"), svg) };
  for (const node of graph.nodes) nodes.set(node.name, nodeBox(places.get(node.name), node, svg));
  const name = `${t("graph")} ${graph.name ?? ""}`;
  const element = make("div", { class: "graph" }, make("h3", {}, name), make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": name }, svg));
  return { graph, svg, lines, ends, nodes, element };
}

function edgeLine(edge, places, svg) {
  const a = places.get(edge.from), b = places.get(edge.to);
  const [x1, y1, x2, y2] = [a.x + a.width, a.y + BOX.height / 2, b.x, b.y + BOX.height / 2], bend = (x2 - x1) / 2;
  const d = `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`;
  const path = draw("path", { class: edge.when ? "edge maybe" : "edge", d }), flow = draw("path", { class: "flow", d });
  const rate = draw("text", { class: "rate", x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 7, "text-anchor": "middle" });
  svg.append(path, flow, draw("circle", { class: "port", cx: x1, cy: y1, r: 3 }), draw("circle", { class: "port", cx: x2, cy: y2, r: 3 }), rate);
  return { ...edge, path, flow, rate };
}

function endBox(at, name, svg) {
  const middle = at.x + at.width / 2, more = draw("text", { class: "quiet", x: middle, y: at.y + 60, "text-anchor": "middle" });
  svg.append(draw("rect", { class: "box end", x: at.x, y: at.y + 18, width: at.width, height: BOX.height - 36, rx: (BOX.height - 36) / 2 }),
    draw("text", { x: middle, y: at.y + 43, "text-anchor": "middle", "font-weight": 600 }, name), more);
  return more;
}

function nodeBox(at, node, svg) {
  const text = (x, y, kind, shown, anchor = "start") => draw("text", { class: kind, x: at.x + x, y: at.y + y, "text-anchor": anchor }, shown);
  const width = at.width, box = draw("rect", { class: "box", x: at.x, y: at.y, width, height: BOX.height, rx: 10 });
  const parts = {
    box, title: draw("title"), mean: text(width - 14, 23, "mean", "", "end"), load: text(14, 61, "quiet", ""), part: text(width - 14, 61, "quiet", "", "end"),
    stages: STAGES.map((stage) => draw("rect", { class: stage, y: at.y + 71, height: 8, rx: 2 })), gauge: draw("rect", { class: "queue", x: at.x - 9, width: 5, rx: 2.5 }),
    queue: draw("text", { class: "queued", x: at.x - 6, y: at.y - 4, "text-anchor": "middle" }), at,
  };
  const name = draw("a", { href: addressOf("requests", { model: node.model }) }, text(14, 23, "node", fit(node.name, 15)));
  svg.append(draw("g", {}, box, parts.title, name, text(14, 42, "quiet", fit(node.when ? `${node.model} · ${t("only_if", node.when)}` : node.model, 30)), parts.mean, parts.load, parts.part,
    draw("rect", { class: "track", x: at.x + 14, y: at.y + 71, width: width - 28, height: 8, rx: 2 }), ...parts.stages, parts.gauge, parts.queue));
  return parts;
}

function updatePicture({ graph, svg, lines, ends, nodes }, live) {
  const route = live.routes.find((one) => one.name === graph.name), minute = route?.minute;
  const total = minute?.duration.mean_ms ?? 0, spent = total * (minute?.duration.count ?? 0), slow = slowestNode(live, graph)?.node;
  const rates = new Map(graph.nodes.map((node) => [node.name, rateOf(minuteOf(live, graph, node))]));
  const most = Math.max(rateOf(minute), ...rates.values(), 1e-9);
  ends.request.textContent = minute ? t("per_second", number(rateOf(minute))) : "";
  ends.answer.textContent = total ? `${number(total)} ms` : "";
  for (const line of lines) updateEdge(line, rates.get(line.to) ?? rates.get(line.from) ?? 0, most);
  const spoken = graph.nodes.map((node) => {
    const own = minuteOf(live, graph, node);
    updateNode(nodes.get(node.name), node, own, live.models.find((one) => one.model === node.model), spent, node.name === slow);
    return t("pair", node.name, `${number(own?.duration.mean_ms ?? null)} ms`);
  });
  svg.setAttribute("aria-label", t("pair", `${t("graph")} ${graph.name}`, spoken.join(t("comma"))));
}

function updateEdge({ path, flow, rate, to }, perSecond, most) {
  const strength = Math.sqrt(perSecond / most), [slowest, fastest] = FLOW_S;
  path.style.strokeWidth = `${1.5 + 3.5 * strength}px`;
  flow.style.display = perSecond > 0 ? "" : "none";
  const seconds = `${(slowest - (slowest - fastest) * Math.min(1, Math.log10(1 + perSecond) / 3)).toFixed(1)}s`;
  if (flow.style.animationDuration !== seconds) flow.style.animationDuration = seconds;
  rate.textContent = to === "answer" || !perSecond ? "" : t("per_second", number(perSecond));
}

function updateNode(parts, node, minute, model, spent, isSlow) {
  const { at } = parts, mean = minute?.duration.count ? minute.duration.mean_ms : null, queue = model?.queue_length ?? 0;
  parts.box.setAttribute("class", isSlow ? "box slow" : "box");
  parts.mean.textContent = mean === null ? "–" : `${number(mean)} ms`;
  parts.load.textContent = model && !model.native ? t("node_busy", (100 * busyShare(model)).toFixed(0)) : "";
  // A node may run in some of the requests only: its share is of the time of all.
  parts.part.textContent = spent && mean !== null ? t("node_share", Math.min(100, percent(mean * minute.duration.count, spent)).toFixed(0)) : "";
  const parted = minute ? shares(minute) : null, room = at.width - 28;
  let x = at.x + 14;
  STAGES.forEach((stage, index) => {
    const width = parted ? room * Math.min(1, parted[stage]) : 0;
    parts.stages[index].setAttribute("x", x);
    parts.stages[index].setAttribute("width", width);
    x += width;
  });
  const height = BOX.height * Math.min(1, Math.log2(1 + queue) / Math.log2(1 + FULL_QUEUE));
  parts.gauge.setAttribute("y", at.y + BOX.height - height);
  parts.gauge.setAttribute("height", height);
  parts.queue.textContent = queue ? t("waiting_short", number(queue)) : "";
  parts.title.textContent = t("pair", node.name, STAGES.map((stage) => `${t(`stage_${stage}`)} ${number(minute?.stages[stage]?.mean_ms ?? 0)} ms`).join(t("comma")));
}
