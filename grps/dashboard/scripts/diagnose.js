// What stands out, and what to do about it: computed from the latest minute.

const STAGES = ["queue", "batch_wait", "preprocess", "infer", "postprocess"];
const BUSY = 0.8;
// Share of the time below which instances do nothing at present: the minute's load has ended.
const IDLE = 0.05;
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

// What inference.yml says of a model, with what its engine reports.
const settingsOf = (served, key) => served.models.find((one) => one.model === key) ?? {};

// Whether requests can be joined by rows, as far as the model declares its shapes.
function canBatch({ inputs, outputs }) {
  const shapes = [...(inputs ?? []), ...(outputs ?? [])].filter((one) => one.required !== false).map((one) => one.shape);
  return shapes.every((shape) => !shape || (shape.length > 0 && shape[0] === null));
}

const isOnGpu = ({ description }) => /cuda|gpu/i.test(JSON.stringify([description?.placed_on, description?.device, description?.inferer_args?.device]));
const hasOwnConverter = ({ description }) => !description || description.converter_type === "customized";
const hasOwnCode = (settings) => hasOwnConverter(settings) || settings.description.inferer_type === "customized";
const isOwnProcess = ({ description }) => description?.isolation === "process";

// What would shorten the wait for busy instances.
function adviseQueue(model, settings, cpu) {
  const { batching } = settings, parts = [];
  if (cpu < BUSY || isOnGpu(settings)) parts.push(t("add_instances", model.instances));
  else parts.push(t("more_cpus"));
  if (!batching && !model.steps && canBatch(settings)) parts.push(t("enable_batching"));
  if (model.steps && model.steps.slots_in_use >= model.steps.slots) parts.push(t("more_slots", model.steps.slots / Math.max(1, model.instances)));
  if (batching && model.batches && model.rows / model.batches > 0.8 * batching.max_rows) parts.push(t("larger_batches", batching.max_rows));
  return [...parts, t("faster_model")].join(t("gap"));
}

// What would shorten the wait for instances that are not busy.
function adviseStarved(settings, busy, cpu) {
  if (busy < IDLE) return "";
  if (cpu >= BUSY) return t("advise_cpus", (100 * cpu).toFixed(0));
  return hasOwnCode(settings) && !isOwnProcess(settings) ? t("advise_gil") : t("advise_bursts");
}

function adviseInfer(model, settings) {
  const parts = [t("smaller_model")];
  if (!isOnGpu(settings)) parts.unshift(t("faster_device"));
  if (!settings.batching && !model.steps && canBatch(settings)) parts.unshift(t("enable_batching"));
  return parts.join(t("gap"));
}

// What to do about a step that takes long; "" where the configuration leaves nothing to do.
function advise(stage, model, settings, { busy, cpu }) {
  switch (stage) {
    case "queue": return busy >= BUSY ? adviseQueue(model, settings, cpu) : adviseStarved(settings, busy, cpu);
    case "batch_wait": return settings.batching?.waits ? t("advise_batch_wait", settings.batching.window_us) : "";
    case "infer": return adviseInfer(model, settings);
    default: return hasOwnConverter(settings) ? t("advise_converter") : t("advise_built_in");
  }
}

// Why the calls of a model, or of a node that calls it, take their time: [{text, advice, waits}].
function reasons(minute, model, settings, load) {
  const share = shares(minute), busy = (100 * load.busy).toFixed(0);
  const named = [...STAGES].sort((a, b) => share[b] - share[a]).filter((stage) => share[stage] >= NAMED[stage]);
  return named.map((stage) => {
    const part = (100 * share[stage]).toFixed(0);
    const starved = load.busy < IDLE ? t("find_waited", part) : t("find_starved", part, busy);
    const waiting = load.busy >= BUSY ? t("find_queue", part, model.instances, busy) : starved;
    const text = stage === "queue" ? waiting : t(`find_${stage}`, part);
    return { text, advice: advise(stage, model, settings, load), waits: stage !== "infer" };
  });
}

// The node of a graph whose calls take the most of the minute's time, if any were made.
function slowestNode(live, graph) {
  const nodes = live.nodes.filter((node) => node.graph === graph.name && node.minute.duration.count);
  const spent = (node) => node.minute.duration.mean_ms * node.minute.duration.count;
  return nodes.sort((a, b) => spent(b) - spent(a))[0];
}

// All findings, the worst first: {kind, text, advice}.
function diagnose(live, served, busy, cpu) {
  const found = [];
  const add = (kind, text, advice = "") => found.push({ kind, text, advice });
  const load = (model) => ({ busy: busy(model), cpu });
  if (!live.service.ready) add("bad", t("find_not_ready", unreadyReason(live.service)));
  for (const model of live.unloaded) add("warn", t("find_unloaded", model), t("advise_unloaded", model));
  for (const model of live.models) {
    const ended = model.minute.succeeded + model.minute.failed;
    const failing = percent(model.minute.failed, ended);
    if (failing >= 1) add("bad", t("find_failures", model.model, failing.toFixed(1)), t("advise_failures"));
    if (model.restarts) add("warn", t("find_restarts", model.model, model.restarts), t("advise_restarts"));
  }
  if (live.service.waiting) add("warn", t("find_waiting", live.service.waiting), t(live.models.some((model) => busy(model) >= BUSY) ? "advise_waiting_busy" : "advise_waiting"));
  const memory = percent(live.process.memory_bytes, live.process.memory_limit_bytes);
  const mostMemory = live.process.max_memory_percent;
  if (memory > Math.min(85, mostMemory)) add("warn", t("find_memory", memory.toFixed(0)), t("advise_memory", mostMemory));
  const { descriptors, max_descriptors: most } = live.process;
  if (most && descriptors > 0.85 * most) {
    const asked = live.service.max_connections;
    add("warn", t("find_fd", descriptors, most), asked > most / 2 ? t("advise_fd", asked) : t("advise_fd_limit"));
  }
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
    if (model) addReasons(add, text, reasons(node.minute, model, settingsOf(served, key), load(model)));
  }
  const alone = live.models.filter((model) => !model.native && model.minute.duration.count && !inGraphs.has(model.model));
  const spent = (model) => model.minute.duration.mean_ms * model.minute.duration.count;
  alone.sort((a, b) => spent(b) - spent(a));
  for (const model of alone.slice(0, 3)) {
    // A model that answers in a moment needs no advice.
    if (model.minute.duration.p90_ms < 5 && model.queue_length === 0) continue;
    addReasons(add, t("slow_model", model.model, number(model.minute.duration.mean_ms)), reasons(model.minute, model, settingsOf(served, model.model), load(model)));
  }
  if (!found.length) add("good", live.requests.count ? t("all_well") : t("no_traffic"));
  return found;
}

function addReasons(add, text, reasons) {
  const join = (part) => reasons.map((one) => one[part]).filter(Boolean).join(t("gap"));
  add(reasons.some((one) => one.waits) ? "warn" : "info", `${text}${t("gap")}${join("text")}`, join("advice"));
}
