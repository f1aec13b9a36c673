// The first view: findings, tiles and charts.

let previous = null;
let lastFindings = "";

// What has changed since the last look, per second; models by their names.
const rates = { cpu: 0, busy: new Map() };

function noteRates(live) {
  processors = Math.max(1, live.process.processors);
  serviceStarted = live.service.started;
  if (previous && live.time > previous.time) {
    const elapsed = live.time - previous.time;
    // The share of all processors; the worker processes count too.
    const spent = Math.max(0, live.process.cpu_s - previous.process.cpu_s);
    rates.cpu = Math.min(1, spent / elapsed / processors);
    for (const model of live.models) {
      const before = previous.models.find((one) => one.model === model.model);
      const worked = before && model.busy_s >= before.busy_s ? model.busy_s - before.busy_s : 0;
      rates.busy.set(model.model, Math.min(1, worked / elapsed / Math.max(1, model.instances)));
    }
  }
  const isFirst = !previous;
  previous = live;
  // Commands that were opened before the models were known lack theirs.
  if (isFirst && byId("commands").open) showCommands();
}

const busyShare = (model) => rates.busy.get(model.model) ?? 0;

// A figure with its name, the line of its series, and what belongs to it.
function tile(name, value, more = "", kind = "", line = null) {
  const lines = line ? [line] : [];
  return make("div", { class: `tile ${kind}` }, make("div", { class: "name" }, name), make("div", { class: "value" }, value), make("div", { class: "more", title: more }, more), ...lines);
}

function showFindings(live, served) {
  const findings = diagnose(live, served, busyShare, rates.cpu);
  const text = JSON.stringify(findings.map((one) => [one.kind, one.advice]));
  // Screen readers are told of a change in kind, not of each new figure.
  byId("diagnosis").setAttribute("aria-live", text === lastFindings ? "off" : "polite");
  lastFindings = text;
  byId("diagnosis").replaceChildren(...findings.map((one) => make("p", { class: `note ${one.kind}` }, one.text, one.advice ? make("span", { class: "advice" }, `→ ${one.advice}`) : "")));
}

function showTiles(live) {
  const { service, process, requests } = live, { failed, ended, rate } = minuteOfAll(live);
  const memory = percent(process.memory_bytes, process.memory_limit_bytes);
  const shown = (value) => value || null;
  byId("tiles").replaceChildren(
    tile(t("rate"), number(rate), t("requests_in_minute", number(ended)), "", pastLine("*qps")),
    tile(`${t("latency")} ${t("p50")}`, milliseconds(requests, requests.p50_ms), `${t("p90")} ${milliseconds(requests, requests.p90_ms)}`, "", pastLine("*latency_p50(ms)", shown)),
    tile(`${t("latency")} ${t("p99")}`, milliseconds(requests, requests.p99_ms), `${t("mean")} ${milliseconds(requests, requests.mean_ms)}`, "", pastLine("*latency_p99(ms)", shown)),
    tile(t("errors"), shareText(failed, ended), t("failed_in_minute", number(failed)), failed ? "bad" : "", pastLine("*fail_rate(%)")),
    tile(t("in_flight"), number(othersInFlight(service)), t("waiting", number(service.waiting)), service.waiting ? "warn" : "", pastLine("*in_flight")),
    tile(t("cpu"), wholePercent(rates.cpu), t("of_processors", process.processors), rates.cpu > 0.9 ? "warn" : "", pastLine("*cpu_usage(%)")),
    tile(t("memory"), bytes(process.memory_bytes), t("of", bytes(process.memory_limit_bytes)), memory > 85 ? "bad" : "", pastLine("*mem_usage(%)")),
    tile(t("connections"), number(service.connections), t("threads", process.threads, process.descriptors)),
  );
}

function showOverview(live, served) {
  if (!isView("overview")) return;
  showFindings(live, served);
  showTiles(live);
  for (const show of [showQueueChart, showSlotsChart, showTokensChart]) show(live);
}
