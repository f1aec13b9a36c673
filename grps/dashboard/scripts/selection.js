// Requests of a time or of a model: a click on a chart or on a model leads to them.

const MOST_KEPT = 500;
// Requests that this page has seen, also those that the service has dropped: by list, then by key.
const requestsSeen = { slowest: new Map(), failures: new Map() };

function noteRequests(notable) {
  for (const [list, known] of Object.entries(requestsSeen)) {
    for (const request of notable[list]) known.set(keyOf(request), request);
    for (const key of known.keys()) {
      if (known.size <= MOST_KEPT) break;
      known.delete(key);
    }
  }
}

// What the address asks for: a time in seconds and a model, each or none.
function requestFilter() {
  const from = Number(optionsNow.get("from")), to = Number(optionsNow.get("to"));
  return { time: to > from ? [from, to] : null, model: optionsNow.get("model") };
}

// The filter as text; "" where there is none.
function filterKey() {
  const { time, model } = requestFilter();
  return time || model !== null ? JSON.stringify([time, model]) : "";
}

// Whether a request was for a model, itself or as a node of a graph.
const isOf = (request, model) => request.model === model || request.bars.some((bar) => bar.model === model);

// The requests to show: those that the service lists, or the ones of the filter among all that are known.
function chosenRequests(list, listed) {
  if (!filterKey()) return listed;
  const { time, model } = requestFilter(), known = [...requestsSeen[list].values()];
  const found = known.filter((one) => (!time || (one.ended >= time[0] && one.ended <= time[1])) && (model === null || isOf(one, model)));
  return found.sort((a, b) => (list === "slowest" ? b.duration_ms - a.duration_ms : b.ended - a.ended));
}

function showRequestFilter() {
  const { time, model } = requestFilter(), parts = [];
  if (time) parts.push(t("time_filter", clock(time[0]), clock(time[1])));
  if (model !== null) parts.push(t("model_filter", model));
  byId("request-filter").hidden = !parts.length;
  byId("request-filter").replaceChildren(...parts.map((text) => make("span", { class: "chip" }, text)), viewLink("requests", "remove_filter"));
}
