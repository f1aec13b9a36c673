// Requests by model, the slowest and the failed ones, and where their time went.

function showRoutes(live) {
  const rows = live.routes.map((route) => {
    const { minute } = route, ended = minute.succeeded + minute.failed;
    const statuses = Object.entries(route.statuses).map(([status, count]) => `${status}: ${number(count)}`).join(", ");
    return row(route.name || t("unrouted"), number(ended / Math.max(1, minute.seconds)), `${percent(minute.failed, ended).toFixed(minute.failed ? 1 : 0)} %`,
      `${number(minute.duration.p50_ms)} ms`, `${number(minute.duration.p90_ms)} ms`, `${number(minute.duration.p99_ms)} ms`, number(route.in_flight),
      bytes(route.received_bytes), bytes(route.sent_bytes), make("span", {}, statuses));
  });
  byId("routes").replaceChildren(head(["routes"], ["rate", 1], ["failing", 1], ["p50", 1], ["p90", 1], ["p99", 1], ["in_flight", 1], ["received", 1], ["sent", 1], ["statuses"]), make("tbody", {}, ...rows));
}

function stageOf(name) {
  const stage = name.slice(name.lastIndexOf("/") + 1);
  return STAGES.includes(stage) ? stage : "other";
}

// The steps of one request as bars over time; `bars` are {name, start_ms, length_ms, …}.
function waterfall(bars, total) {
  const parts = [];
  for (const bar of bars) {
    const batch = bar.requests && stageOf(bar.name) === "infer" ? ` · ${t("batch_of", bar.requests, bar.rows)}` : "";
    const why = batch && bar.small ? ` (${t(`why_${bar.small}`)})` : "";
    const left = percent(bar.start_ms, total), width = percent(bar.length_ms, total);
    parts.push(make("span", { class: "name", title: bar.name + batch + why }, bar.name),
      make("span", { class: "line", title: bar.name + batch + why }, make("i", { class: stageOf(bar.name), style: `left:${left}%;width:${width}%` })),
      make("span", { class: "length" }, `${number(bar.length_ms)} ms`));
    if (batch && (bar.requests > 1 || why)) parts.push(make("span"), make("span", { class: "quiet" }, batch.slice(3) + why), make("span"));
  }
  return make("div", { class: "fall" }, ...parts);
}

const opened = new Set();

function requestDetails(list, request) {
  const key = `${list}:${request.id}:${request.ended}`;
  const details = make("details", { open: opened.has(key) },
    make("summary", {}, make("span", { class: `status ${request.status < 400 ? "good-text" : "bad-text"}` }, String(request.status)),
      ` ${number(request.duration_ms)} ms · ${request.model || t("unrouted")} · ${request.failure ?? request.protocol} · ${clock(request.ended)} `,
      make("code", {}, request.id)));
  const fill = () => details.append(waterfall(request.bars, request.duration_ms), ...(request.trace ? [make("p", { class: "quiet" }, "trace ", make("code", {}, request.trace))] : []));
  if (details.open) fill();
  details.addEventListener("toggle", () => {
    opened[details.open ? "add" : "delete"](key);
    if (details.open && details.children.length === 1) fill();
  });
  return details;
}

let shownRequests = "";

function showRemembered(remembered) {
  // What is being read or clicked must not be made anew for nothing.
  const key = language + ["slowest", "failures"].map((list) => remembered[list].map((request) => request.id + request.ended).join()).join("|");
  if (key === shownRequests) return;
  shownRequests = key;
  for (const list of ["slowest", "failures"]) {
    const requests = remembered[list].slice(0, 20);
    byId(list).replaceChildren(...(requests.length ? requests.map((request) => requestDetails(list, request)) : [make("p", { class: "quiet" }, t("none_yet"))]));
  }
}
