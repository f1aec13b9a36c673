// What a view shows where there is nothing yet, and what to do about it.

const MOST_COMMAND = 400;

// A box with a title, a hint, and links or buttons.
function emptyState(title, hint, ...actions) {
  return make("div", { class: "empty" }, make("p", { class: "empty-title" }, t(title)), make("p", { class: "quiet" }, t(hint)), ...actions);
}

const viewLink = (view, key, options) => make("a", { class: "button", href: addressOf(view, options) }, t(key));

// Shows a box in an element, or empties it; a box that is shown stays the same elements.
function showEmpty(id, key, makeBox) {
  const parent = byId(id), shown = key && `${key}:${language}`;
  if ((parent.dataset.shown ?? "") === (shown || "")) return;
  parent.dataset.shown = shown || "";
  parent.replaceChildren(...(key ? [makeBox()] : []));
}

// The command that sends what the playground offers; null where that is a file or long.
function firstCommand() {
  try {
    const command = asCurl(keyHeaders().Authorization && "Bearer YOUR_KEY");
    return command.length > MOST_COMMAND ? null : command;
  } catch { return null; }
}

function commandBox(command) {
  const copy = make("button", { type: "button", class: "small", onclick: () => copyText(command, copy) }, t("copy"));
  return make("div", { class: "command" }, make("code", {}, command), copy);
}

function showFirstRequest(live) {
  const isNew = live.models.length > 0 && live.routes.every(({ minute, statuses }) => !minute.succeeded && !minute.failed && !Object.values(statuses).some(Boolean));
  const command = isNew ? firstCommand() : null;
  showEmpty("first-request", isNew && `first:${command}`, () => {
    const boxes = command ? [commandBox(command)] : [];
    return emptyState("empty_requests", command ? "empty_requests_hint" : "empty_requests_try", ...boxes, viewLink("playground", "open_playground"));
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
