// The first section: findings, tiles and charts.

let previous = null;
let lastFindings = "";

// What has changed since the last look, per second; models by their names.
const rates = { cpu: 0, busy: new Map() };

function noteRates(live) {
  processors = Math.max(1, live.process.processors);
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
  previous = live;
}

const busyShare = (model) => rates.busy.get(model.model) ?? 0;

function tile(name, value, more = "", kind = "") {
  return make("div", { class: `tile ${kind}` }, make("div", { class: "name" }, name), make("div", { class: "value" }, value), make("div", { class: "more", title: more }, more));
}

// Why the service is not ready; "" when it is.
function unreadyReason(service) {
  if (service.ready) return "";
  return ["offline", "loading", "draining"].includes(service.state) ? t(`state_${service.state}`) : service.reason ?? "";
}

let lastSeen = null;

function showState(text, kind, reason, about = "") {
  const state = byId("state");
  if (state.textContent !== text) state.textContent = text;
  state.className = `pill ${kind}`;
  byId("reason").textContent = reason;
  byId("about").textContent = about;
}

// Shows that the service has responded, and whether it is ready.
function showReached({ service, time }) {
  lastSeen = Date.now() / 1000;
  byId("lost").hidden = true;
  showState(t(service.ready ? "ready" : "not_ready"), service.ready ? "ready" : "unready", unreadyReason(service),
    `${service.version} · ${t("up", duration(time - service.started))}`);
}

// Shows that the service does not respond.
function showLost(error) {
  byId("lost").hidden = false;
  showState(t("no_response"), "unready", lastSeen === null ? error.message : t("aside", error.message, t("last_response", clock(lastSeen))));
}

function showOverview(live, served) {
  const { service, process, requests } = live;
  const findings = diagnose(live, served, busyShare, rates.cpu);
  const text = JSON.stringify(findings.map((one) => [one.kind, one.advice]));
  // Screen readers are told of a change in kind, not of each new figure.
  byId("diagnosis").setAttribute("aria-live", text === lastFindings ? "off" : "polite");
  lastFindings = text;
  byId("diagnosis").replaceChildren(...findings.map((one) => make("p", { class: `note ${one.kind}` }, one.text, one.advice ? make("span", { class: "advice" }, `→ ${one.advice}`) : "")));
  const failed = live.routes.reduce((sum, route) => sum + route.minute.failed, 0);
  const ended = failed + live.routes.reduce((sum, route) => sum + route.minute.succeeded, 0);
  const seconds = Math.max(1, ...live.routes.map((route) => route.minute.seconds));
  const memory = percent(process.memory_bytes, process.memory_limit_bytes);
  byId("tiles").replaceChildren(
    tile(t("rate"), number(ended / seconds), t("count_in_minute", number(ended))),
    tile(t("latency_of", t("p50")), `${number(requests.p50_ms)} ms`, `${t("p90")} ${number(requests.p90_ms)} ms`),
    tile(t("latency_of", t("p99")), `${number(requests.p99_ms)} ms`, t("in_minute")),
    tile(t("errors"), `${percent(failed, ended).toFixed(failed ? 2 : 0)} %`, t("count_in_minute", number(failed)), failed ? "bad" : ""),
    tile(t("in_flight"), number(Math.max(0, service.in_flight - 1)), t("waiting", number(service.waiting)), service.waiting ? "warn" : ""),
    tile(t("cpu"), `${(100 * rates.cpu).toFixed(0)} %`, t("of_processors", process.processors), rates.cpu > 0.9 ? "warn" : ""),
    tile(t("memory"), bytes(process.memory_bytes), t("of", bytes(process.memory_limit_bytes)), memory > 85 ? "bad" : ""),
    tile(t("connections"), number(service.connections), t("threads", process.threads, process.descriptors)),
  );
}

function makeOverviewCharts() {
  const parent = byId("charts");
  new Chart(parent, "chart_rate", [{ name: "*qps", label: "all_requests" }]);
  new Chart(parent, "chart_latency", [
    { name: "*latency_p50(ms)", text: "p50" }, { name: "*latency_p90(ms)", text: "p90" }, { name: "*latency_p99(ms)", text: "p99" },
  ]);
  new Chart(parent, "chart_usage", [
    { name: "*cpu_usage(%)", label: "cpu_of_all", value: (value) => value / processors },
    { name: "*fail_rate(%)", label: "failed" }, { name: "*mem_usage(%)", label: "memory" },
  ], 100);
}

// A chart with a line for each model; models may come and go, and it goes with the last of them.
function chartOfModels(old, title, models, seriesOf) {
  const names = models.slice(0, COLOURS.length), key = names.join();
  if ((old?.key ?? "") === key) return old;
  if (old) {
    charts.splice(charts.indexOf(old), 1);
    old.body.parentElement.remove();
  }
  if (!names.length) return null;
  const chart = new Chart(byId("charts"), title, names.map((name) => ({ name: seriesOf(name), text: name })));
  chart.key = key;
  return chart;
}

let queueChart = null;
function showQueueChart(live) {
  const names = live.models.filter((model) => !model.native).map((model) => model.model);
  queueChart = chartOfModels(queueChart, "chart_queue", names, (name) => `*queue_length(${name})`);
}
