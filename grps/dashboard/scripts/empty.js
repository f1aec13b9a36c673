// What a view shows where there is nothing yet, and what to do about it.

// A box with a title, a hint, and links or buttons.
function emptyState(title, hint, ...actions) {
  return make("div", { class: "empty" }, make("p", { class: "empty-title" }, t(title)), make("p", { class: "quiet" }, t(hint)), ...actions);
}

const viewLink = (view, key) => make("a", { class: "button", href: addressOf(view) }, t(key));

// Shows a box in an element, or empties it; a box that is shown stays the same elements.
function showEmpty(id, key, make_box) {
  const parent = byId(id), told = key && `${key}:${language}`;
  if ((parent.dataset.told ?? "") === (told || "")) return;
  parent.dataset.told = told || "";
  parent.replaceChildren(...(key ? [make_box()] : []));
}

function showFirstRequest(live) {
  const isNew = live.models.length > 0 && live.routes.every((route) => !route.minute.succeeded && !route.minute.failed && !Object.keys(route.statuses).length);
  showEmpty("first-request", isNew && "first", () => {
    const command = `curl -H 'Content-Type: application/json' -d '{"ndarray": [[1, 2]]}' ${new URL(PREDICT, location.href.split("#")[0])}`;
    const copy = make("button", { type: "button", class: "small", onclick: () => copyText(command, copy) }, t("copy"));
    return emptyState("empty_requests", "empty_requests_hint", make("div", { class: "command" }, make("code", {}, command), copy), viewLink("playground", "open_playground"));
  });
  showEmpty("no-models", !live.models.length && !live.unloaded.length && "models", () => emptyState("empty_models", "empty_models_hint", viewLink("logs", "open_log")));
  byId("model-list").hidden = !live.models.length && !live.unloaded.length;
}

function showNoSeries(count) {
  showEmpty("no-series", !count && `series${byId("series-own").checked}`, () => {
    const own = make("button", { type: "button", onclick: () => { byId("series-own").checked = true; showNames(); } }, t("show_own"));
    return emptyState("empty_series", "empty_series_hint", ...(byId("series-own").checked ? [] : [own]));
  });
}
