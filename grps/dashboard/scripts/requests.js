// Requests by model, the slowest and the failed ones, and where their time went.

function showRoutes(live) {
  const rows = live.routes.map((route) => {
    const { minute } = route, ended = minute.succeeded + minute.failed;
    const statuses = Object.entries(route.statuses).filter(([, count]) => count).map(([status, count]) => t("pair", status, number(count))).join(t("comma"));
    return row(route.name ? modelLink(route.name) : t("unrouted"), number(ended / Math.max(1, minute.seconds)), failures(minute.failed, ended),
      milliseconds(minute.duration, minute.duration.p50_ms), milliseconds(minute.duration, minute.duration.p90_ms), milliseconds(minute.duration, minute.duration.p99_ms), quietZero(route.in_flight),
      bytes(route.received_bytes), bytes(route.sent_bytes), make("span", {}, statuses));
  });
  byId("routes").replaceChildren(head(["routes"], ["figure_rate", 1], ["failing", 1], ["p50", 1], ["p90", 1], ["p99", 1], ["in_flight", 1], ["received", 1], ["sent", 1], ["statuses"]), make("tbody", {}, ...rows));
}

function stageOf(name) {
  const stage = name.slice(name.lastIndexOf("/") + 1);
  return STAGES.includes(stage) || stage === "prefill" ? stage : "other";
}

// The steps of one request as bars over time; `bars` are {name, start_ms, length_ms, …}.
function waterfall(bars, total) {
  const parts = [];
  for (const bar of bars) {
    const size = bar.steps ? t("steps_of", bar.steps, bar.requests) : t("batch_of", bar.requests, bar.rows);
    const isBatch = bar.requests && stageOf(bar.name) === "infer";
    const batch = isBatch && bar.small ? t("aside", size, t(`why_${bar.small}`)) : size;
    const title = isBatch ? `${bar.name} · ${batch}` : bar.name;
    const left = percent(bar.start_ms, total), width = percent(bar.length_ms, total);
    parts.push(make("span", { class: "name", title }, bar.name),
      make("span", { class: "line", title }, make("i", { class: stageOf(bar.name), style: `left:${left}%;width:${width}%` })),
      make("span", { class: "length" }, `${number(bar.length_ms)} ms`));
    if (isBatch && (bar.requests > 1 || bar.steps || bar.small)) parts.push(make("span"), make("span", { class: "quiet" }, batch), make("span"));
  }
  return make("div", { class: "fall" }, ...parts);
}

// What a request took and where, in columns.
function requestColumns({ duration_ms, model, protocol, failure, ended, id }) {
  const column = (kind, text) => make("span", { class: kind, title: text }, text);
  return [column("length", `${number(duration_ms)} ms`), column("model", model || t("unrouted")), column("how", failure ?? protocol), column("when", clock(ended)), make("code", { title: id }, id)];
}

const statusOf = (request) => make("span", { class: `status ${request.status < 400 ? "good-text" : "bad-text"}` }, String(request.status));

// The error without the identifier of its request, which no other error has.
const errorOf = (request) => request.error?.replace(` (request id ${request.id})`, "") ?? null;

// A request whose steps are made when it is opened; its error only where nothing else shows it.
function requestDetails(request, isAlone = true) {
  const details = make("details", {}, make("summary", {}, statusOf(request), ...requestColumns(request)));
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    if (request.error && isAlone) details.append(make("p", { class: "note bad error" }, errorOf(request)));
    details.append(waterfall(request.bars, request.duration_ms));
    if (request.status >= 400) details.append(make("p", {}, viewLink("logs", "its_log", { filter: request.id })));
    if (request.trace) details.append(make("p", { class: "quiet" }, "trace ", make("code", {}, request.trace)));
  });
  return details;
}

// Failed requests by all that is equal in them, the latest first: [[request, …], …].
function grouped(requests) {
  const groups = new Map();
  for (const request of requests) {
    const key = JSON.stringify([request.model, request.protocol, request.status, request.failure, errorOf(request)]);
    groups.set(key, [...(groups.get(key) ?? []), request]);
  }
  return [...groups];
}

const keyOf = (request) => `${request.id}:${request.ended}`;
const isOpen = (element) => element.open;

// Equal failed requests: their number, their error, and each of them.
function updateGroup(details, requests) {
  const [latest] = requests, summary = details.firstChild, list = details.lastChild;
  const shown = `${keyOf(latest)}:${requests.length}`;
  if (details.dataset.shown === shown) return;
  details.dataset.shown = shown;
  const count = requests.length > 1 ? [make("b", { class: "count" }, t("times", requests.length))] : [];
  summary.replaceChildren(statusOf(latest), ...requestColumns(latest), ...count,
    ...(latest.error ? [make("span", { class: "error bad-text" }, errorOf(latest))] : []));
  showKeyed(list, requests.map((request) => ({ key: keyOf(request), create: () => requestDetails(request, false) })), isOpen);
}

function groupRow([key, requests]) {
  const create = () => {
    const details = make("details", {}, make("summary"), make("div", { class: "group" }));
    // The only request of a group needs no second click.
    if (requests.length === 1) details.addEventListener("toggle", () => { details.lastChild.firstChild.open = true; }, { once: true });
    return details;
  };
  return { key, create, update: (details) => updateGroup(details, requests) };
}

// Shows rows, or that there are none. What is open stays, even when the service has dropped it.
function showRequests(id, rows, reason) {
  const none = { key: `none:${reason}`, create: () => make("p", { class: "empty quiet" }, t(reason)) };
  const isOther = byId(id).dataset.filter !== filterKey();
  byId(id).dataset.filter = filterKey();
  showKeyed(byId(id), rows.length ? rows : [none], (element) => isOpen(element) && !isOther);
}

// Makes all rows anew, in another language.
function forgetRequests() {
  for (const id of ["slowest", "failures"]) showKeyed(byId(id), []);
}

function showNotable({ slowest, failures: failed }) {
  const [slow, bad] = [chosenRequests("slowest", slowest), chosenRequests("failures", failed)], isFiltered = filterKey() !== "";
  showRequests("slowest", slow.map((request) => ({ key: keyOf(request), create: () => requestDetails(request) })), isFiltered ? "none_then" : "none_slow");
  showRequests("failures", grouped(bad).map(groupRow), isFiltered ? "none_then" : "none_failed");
}

async function refreshRequests() {
  const notable = await getJson(monitor("requests"));
  noteRequests(notable);
  if (isView("requests")) showNotable(notable);
}
