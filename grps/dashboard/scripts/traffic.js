// How requests are divided among the versions of models, and the buttons that change it.

function trafficRows(state) {
  const { shadow } = state;
  return state.versions.map((one) => {
    const { requests, failed, p99_ms } = one.minute;
    const copies = shadow?.version === one.version ? shadow : null;
    const ended = copies ? copies.equal + copies.within_tolerance + copies.different + copies.failed : 0;
    const differ = copies ? `${copies.different + copies.failed} / ${ended}` : "–";
    const role = one.version === state.candidate ? make("span", { class: "quiet" }, ` ${t("candidate")}`) : "";
    return row(make("span", {}, one.version, role), `${number(one.percent)} %`, number(requests),
      failures(failed, requests), p99_ms === null ? "–" : `${number(p99_ms)} ms`, differ);
  });
}

async function changeTraffic(model, action, block) {
  const failure = block.querySelector(".failure");
  try {
    const response = await post(`grps/v1/admin/traffic/${model}/${action}`);
    const answer = await response.json();
    failure.textContent = response.ok ? "" : answer?.status?.msg ?? `HTTP ${response.status}`;
    if (response.ok) updateTraffic(answer, block);
  } catch { failure.textContent = t("no_connection"); }
}

function createTraffic(state) {
  const block = make("div", { class: "traffic" });
  const button = (action) => make("button", { type: "button", "data-action": action, onclick: () => changeTraffic(state.model, action, block) }, t(`traffic_${action}`));
  block.append(make("h4", {}, state.model, " ", make("span", { class: "phase" })),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": state.model }, make("table")),
    make("p", { class: "buttons" }, ...["promote", "rollback", "pause", "resume"].map(button)),
    make("p", { class: "failure bad-text", role: "status" }), make("ul", { class: "changes quiet" }));
  return block;
}

function updateTraffic(state, block) {
  const kind = { rolled_back: "phase bad-text", done: "phase good-text" }[state.phase] ?? "phase quiet";
  const phase = block.querySelector(".phase");
  phase.className = kind;
  phase.textContent = t(`phase_${state.phase}`);
  block.querySelector("table").replaceChildren(
    head(["version"], ["share", 1], ["requests_minute", 1], ["failing", 1], ["p99", 1], ["copies_differ", 1]), make("tbody", {}, ...trafficRows(state)));
  block.querySelector("[data-action=pause]").hidden = state.phase !== "running";
  block.querySelector("[data-action=resume]").hidden = !state.rollout || state.phase === "running";
  block.querySelector(".changes").replaceChildren(...state.events.slice(0, 3).map((event) => make("li", {}, t("pair", `${clock(event.time)} ${event.action}`, event.reason))));
}

function showTraffic(live) {
  byId("traffic").hidden = !live.traffic.length;
  showKeyed(byId("traffic-names"), live.traffic.map((state) => ({
    key: state.model, create: () => createTraffic(state), update: (block) => updateTraffic(state, block),
  })));
}
