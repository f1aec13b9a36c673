// Services on other machines that models run on, and their endpoints.

// A row for each endpoint; the first one of a service has its name.
function endpointRows(service) {
  const about = service.source_error ? t("pair", service.source, service.source_error) : service.source;
  const first = make("span", {}, service.name, make("span", { class: service.source_error ? "bad-text" : "quiet" }, ` ${about}`));
  if (!service.endpoints.length) return [row(first, make("span", { class: "bad-text" }, t("no_endpoints")), ...Array(6).fill("–"))];
  return service.endpoints.map((one, index) => {
    const kind = one.state === "up" ? "good-text" : one.reason ? "bad-text" : "quiet";
    const state = make("span", { class: kind }, t(`endpoint_${one.state}`), one.reason ? `: ${one.reason}` : "");
    return row(index ? service.name : first, make("code", {}, one.address), state, make("span", {}, one.version ?? "–"), number(one.in_flight),
      number(one.connections), number(one.requests), one.requests ? `${number(one.latency_ms)} ms` : "–");
  });
}

function showServices(live) {
  byId("services").hidden = !live.services.length;
  byId("services-table").replaceChildren(
    head(["service"], ["endpoint"], ["state"], ["version"], ["in_flight", 1], ["connections", 1], ["requests", 1], ["latency", 1]),
    make("tbody", {}, ...live.services.flatMap(endpointRows)));
}
