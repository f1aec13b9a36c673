// The head of the page: whether the service is ready, and the figures of the latest minute.

let lastSeen = null;

// Why the service is not ready; "" when it is.
function unreadyReason(service) {
  if (service.ready) return "";
  return ["offline", "loading", "draining"].includes(service.state) ? t(`state_${service.state}`) : service.reason ?? "";
}

function showState(text, kind, reason, about = "") {
  const state = byId("state");
  if (state.textContent !== text) state.textContent = text;
  state.className = `pill ${kind}`;
  byId("reason").textContent = reason;
  byId("about").textContent = about;
  document.body.classList.toggle("is-lost", kind === "unready lost");
}

// Shows that the service has responded, and whether it is ready.
function showReached({ service, time }) {
  lastSeen = Date.now() / 1000;
  byId("lost").hidden = byId("refused").hidden = true;
  showState(t(service.ready ? "ready" : "not_ready"), service.ready ? "ready" : "unready", unreadyReason(service),
    `${service.version} · ${t("up", duration(time - service.started))}`);
}

// Shows that the service does not respond, or that it refuses the key.
function showLost(error) {
  const isRefused = error instanceof KeyRefused;
  byId("lost").hidden = isRefused;
  byId("refused").hidden = !isRefused;
  if (isRefused) {
    if (byId("refused-reason").textContent !== error.message) byId("refused-reason").textContent = error.message;
    return showState(t("no_access"), "unready lost", "");
  }
  showState(t("no_response"), "unready lost", lastSeen === null ? error.message : t("aside", error.message, t("last_response", clock(lastSeen))));
}

// The requests of the latest minute: how many ended, how many of them failed, and per second.
function minuteOfAll(live) {
  const failed = live.routes.reduce((sum, route) => sum + route.minute.failed, 0);
  const ended = failed + live.routes.reduce((sum, route) => sum + route.minute.succeeded, 0);
  return { failed, ended, rate: ended / Math.max(1, ...live.routes.map((route) => route.minute.seconds)) };
}

// A share in percent. What is not zero is not written as zero.
function shareText(part, whole) {
  const value = percent(part, whole);
  if (part > 0 && value < 0.01) return "<0.01 %";
  return `${value.toFixed(part > 0 && value < 10 ? 2 : 0)} %`;
}

const milliseconds = (duration, value) => (duration.count ? `${number(value)} ms` : "–");
// The request that asks for this is one of them.
const othersInFlight = (service) => Math.max(0, service.in_flight - 1);

function showFigures(live) {
  const { failed, ended, rate } = minuteOfAll(live), { requests, service } = live;
  const queued = live.models.reduce((sum, model) => sum + model.queue_length, 0) + service.waiting;
  const show = (id, text, kind = "") => {
    const figure = byId(`figure-${id}`);
    figure.className = kind;
    if (figure.lastElementChild.textContent !== text) figure.lastElementChild.textContent = text;
  };
  show("rate", number(rate));
  show("p50", milliseconds(requests, requests.p50_ms));
  show("p99", milliseconds(requests, requests.p99_ms));
  show("errors", shareText(failed, ended), failed ? "bad" : "");
  show("queue", number(queued), service.waiting ? "warn" : "");
  show("in-flight", number(othersInFlight(service)));
}
