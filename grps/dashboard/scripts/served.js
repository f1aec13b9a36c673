// Models as a table, and why their batches were small.

// Models with small lines in the table: each asks for two series.
const MOST_LINES = 60;

function stack(minute) {
  const share = shares(minute);
  const rest = Math.max(0, 1 - STAGES.reduce((sum, stage) => sum + share[stage], 0));
  const parts = [...STAGES.map((stage) => [stage, share[stage]]), ["other", minute.duration.count ? rest : 0]];
  const shown = parts.filter(([, part]) => part > 0.004);
  const text = shown.map(([stage, part]) => `${t(`stage_${stage}`)} ${wholePercent(part)}`).join(t("comma"));
  return make("span", { class: "stack", role: "img", "aria-label": text || "–", title: text },
    ...shown.map(([stage, part]) => make("i", { class: stage, style: `width:${100 * part}%` })));
}

function showKey() {
  byId("stage-key").replaceChildren(...STAGES.map((stage) => make("span", {}, make("i", { class: stage }), t(`stage_${stage}`))));
}

// The series that the small lines of the table show.
const lineNames = (live) => live.models.slice(0, MOST_LINES).flatMap((model) => [`*calls(${model.model})`, `*call_p99(${model.model},ms)`]);

async function refreshModelLines(live) {
  const names = lineNames(live);
  if (names.length) notePast(await readTrends("minute", names), serviceNow());
}

// A figure with the line of its latest minute.
const withLine = (text, line) => make("span", { class: "with-line", "data-cell": "number" }, line, make("span", {}, text));

// A model leads to its requests.
const modelLink = (name) => make("a", { href: addressOf("requests", { model: name }) }, name);

function modelRow(model) {
  const { minute } = model, ended = minute.succeeded + minute.failed;
  const calls = pastLine(`*calls(${model.model})`), latest = pastLine(`*call_p99(${model.model},ms)`, (value) => value || null);
  const shown = row(modelLink(model.model), withLine(number(ended / Math.max(1, minute.seconds)), calls), failures(minute.failed, ended),
    milliseconds(minute.duration, minute.duration.p50_ms), withLine(milliseconds(minute.duration, minute.duration.p99_ms), latest), quietZero(model.queue_length), quietZero(model.in_flight),
    model.native ? "–" : number(model.instances), model.native ? "–" : wholePercent(busyShare(model)), quietZero(model.restarts),
    model.batches ? number(model.rows / model.batches) : "–", stack(minute));
  shown.classList.toggle("chosen", optionsNow.get("model") === model.model);
  return shown;
}

function showModels(live) {
  const unloaded = live.unloaded.map((model) => row(model, make("span", { class: "warn-text" }, t("not_loaded")), ...Array(10).fill("–")));
  const parent = byId("models"), focused = parent.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  parent.replaceChildren(
    head(["model"], ["calls", 1], ["failing", 1], ["p50", 1], ["p99", 1], ["queue_length", 1], ["in_flight", 1], ["instances", 1], ["busy", 1], ["restarts", 1], ["batch_size", 1], ["time_goes"]),
    make("tbody", {}, ...live.models.map(modelRow), ...unloaded));
  if (focused) parent.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

function showBatches(live, served) {
  const blocks = [];
  for (const model of live.models) {
    const batching = served.models.find((one) => one.model === model.model)?.batching;
    if (!batching || !model.batches) continue;
    const small = Object.entries(model.small).filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
    const full = model.batches - small.reduce((sum, [, count]) => sum + count, 0);
    const causes = [...small.map(([reason, count]) => [t(`why_${reason}`), count]), [t("full"), full]].filter(([, count]) => count > 0);
    blocks.push(make("p", {}, t("batches_of", model.model, number(model.batches), number(model.rows / model.batches), batching.max_rows)),
      make("ul", {}, ...causes.map(([text, count]) => make("li", {}, `${wholePercent(count / model.batches)} ${text}`))));
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
  const rows = live.gpus.map((gpu) => row(`${gpu.number} ${gpu.name}`, wholePercent(gpu.busy_ratio),
    `${bytes(gpu.memory_used_bytes)} / ${bytes(gpu.memory_total_bytes)}`, gpu.temperature_celsius === null ? "–" : `${number(gpu.temperature_celsius)} °C`,
    gpu.power_watts === null ? "–" : `${number(gpu.power_watts)} W`));
  byId("gpus").replaceChildren(make("h3", {}, t("gpu")), make("table", {}, head(["gpu"], ["busy", 1], ["gpu_memory", 1], ["temperature", 1], ["power", 1]), make("tbody", {}, ...rows)));
}
