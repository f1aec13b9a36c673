// The charts of the first view, and what they ask the service for.

// Series that only small lines show.
const TILE_SERIES = ["*in_flight"];

function makeOverviewCharts() {
  const parent = byId("charts");
  new Chart(parent, "chart_rate", [{ name: "*qps", label: "all_requests", unit: "/s" }]);
  new Chart(parent, "chart_latency", [
    { name: "*latency_p50(ms)", text: "p50", unit: " ms", isMeasured: true }, { name: "*latency_p90(ms)", text: "p90", unit: " ms", isMeasured: true }, { name: "*latency_p99(ms)", text: "p99", unit: " ms", isMeasured: true },
  ]);
  new Chart(parent, "chart_usage", [
    { name: "*cpu_usage(%)", label: "cpu_of_all", unit: " %", value: (value) => value / processors }, { name: "*mem_usage(%)", label: "memory", unit: " %", colour: "--line-2" },
    { name: "*fail_rate(%)", label: "failed", unit: " %", colour: "--bad" },
  ], 100);
  new HeatMap(parent);
}

// A chart with a line for each model; models may come and go, and it goes with the last of them.
function chartOfModels(old, title, models, seriesOf) {
  const names = models.slice(0, COLOURS.length), key = names.join();
  if ((old?.key ?? "") === key) return old;
  old?.remove();
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

async function readTrends(span, names) {
  const query = names.map((name) => `name=${encodeURIComponent(name)}`).join("&");
  return getJson(monitor(`trends?span=${span}&${query}`));
}

// Small lines show the latest minute, whatever range the charts have.
async function refreshCharts() {
  const span = spanNow(), names = [...new Set(charts.flatMap((chart) => chart.names()))];
  const minute = await readTrends("minute", [...new Set([...names, ...TILE_SERIES])]);
  notePast(minute, serviceNow());
  trendsNow = span === "minute" ? minute : await readTrends(span, names);
  // Another range may have been chosen in the meantime.
  if (span === spanNow()) charts.forEach((chart) => chart.refresh());
}
