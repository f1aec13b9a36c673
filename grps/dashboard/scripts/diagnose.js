// What stands out, and what to do about it: computed from the latest minute.

const STAGES = ["queue", "batch_wait", "preprocess", "infer", "postprocess"];
const BUSY = 0.8;
// Shares of the time from which a step is named.
const NAMED = { queue: 0.4, batch_wait: 0.3, preprocess: 0.4, infer: 0.5, postprocess: 0.4 };

// How the time of a minute's calls is shared among their steps: {stage: share of the whole}.
function shares(minute) {
  const total = minute.duration.mean_ms * minute.duration.count;
  const share = {};
  for (const stage of STAGES) {
    const spent = minute.stages[stage];
    share[stage] = spent && total > 0 ? (spent.mean_ms * spent.count) / total : 0;
  }
  return share;
}

// Why the calls of a model, or of a node that calls it, take their time.
function reasons(minute, model, busy) {
  const share = shares(minute);
  const told = [];
  for (const stage of [...STAGES].sort((a, b) => share[b] - share[a])) {
    if (share[stage] < NAMED[stage]) continue;
    const part = (100 * share[stage]).toFixed(0);
    if (stage === "queue" && busy >= BUSY) {
      told.push([t("find_queue", part, model.instances, (100 * busy).toFixed(0)), t("advise_queue")]);
    } else if (stage === "queue") {
      told.push([t("find_starved", part, (100 * busy).toFixed(0)), t("advise_starved")]);
    } else {
      const advice = { batch_wait: "advise_batch_wait", infer: "advise_infer" }[stage] ?? "advise_converter";
      told.push([t(`find_${stage}`, part), t(advice)]);
    }
  }
  return told;
}

// The node of a graph whose calls take the most of the minute's time, if any were made.
function slowestNode(live, graph) {
  const nodes = live.nodes.filter((node) => node.graph === graph.name && node.minute.duration.count);
  const spent = (node) => node.minute.duration.mean_ms * node.minute.duration.count;
  return nodes.sort((a, b) => spent(b) - spent(a))[0];
}

// All findings, the worst first: {kind, text, advice}.
function diagnose(live, served, busy) {
  const found = [];
  const add = (kind, text, advice = "") => found.push({ kind, text, advice });
  if (!live.service.ready) add("bad", t("find_not_ready", live.service.reason ?? ""));
  for (const model of live.models) {
    const ended = model.minute.succeeded + model.minute.failed;
    const failing = percent(model.minute.failed, ended);
    if (failing >= 1) add("bad", t("find_failures", model.model, failing.toFixed(1)), t("advise_failures"));
    if (model.restarts) add("warn", t("find_restarts", model.model, model.restarts), t("advise_restarts"));
  }
  if (live.service.waiting) add("warn", t("find_waiting", live.service.waiting), t("advise_waiting"));
  const memory = percent(live.process.memory_bytes, live.process.memory_limit_bytes);
  if (memory > 85) add("warn", t("find_memory", memory.toFixed(0)), t("advise_memory"));
  const { descriptors, max_descriptors: most } = live.process;
  if (most && descriptors > 0.85 * most) add("warn", t("find_fd", descriptors, most), t("advise_fd"));
  const inGraphs = new Set();
  for (const graph of served.graphs) {
    const node = slowestNode(live, graph);
    const route = live.routes.find((one) => one.name === graph.name);
    if (!node || !route?.minute.duration.count) continue;
    graph.nodes.forEach((one) => inGraphs.add(one.model));
    const key = graph.nodes.find((one) => one.name === node.node)?.model;
    const model = live.models.find((one) => one.model === key);
    const mean = node.minute.duration.mean_ms;
    const text = t("slow_node", node.node, key, graph.name, number(mean), number(route.minute.duration.mean_ms));
    if (model) addReasons(add, text, reasons(node.minute, model, busy(model)));
  }
  const alone = live.models.filter((model) => !model.native && model.minute.duration.count && !inGraphs.has(model.model));
  const spent = (model) => model.minute.duration.mean_ms * model.minute.duration.count;
  alone.sort((a, b) => spent(b) - spent(a));
  for (const model of alone.slice(0, 3)) {
    // A model that answers in a moment needs no advice.
    if (model.minute.duration.p90_ms < 5 && model.queue_length === 0) continue;
    addReasons(add, t("slow_model", model.model, number(model.minute.duration.mean_ms)), reasons(model.minute, model, busy(model)));
  }
  if (!found.length) add("good", live.requests.count ? t("all_well") : t("no_traffic"));
  return found;
}

function addReasons(add, text, told) {
  const waits = told.some(([, advice]) => advice !== t("advise_infer"));
  const why = told.map(([reason]) => reason).join(" ");
  add(waits ? "warn" : "info", `${text} ${why}`, told.map(([, advice]) => advice).join(" "));
}
