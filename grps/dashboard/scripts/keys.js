// Keys of the page, and the list that explains them.

// What is a view of this service, in the order of the tabs.
const openViews = () => Object.keys(VIEWS).filter((view) => !byId(VIEWS[view]).hidden);
const isMac = /mac|iphone|ipad/i.test(navigator.platform);
const COMMAND_KEYS = isMac ? "⌘ K" : "Ctrl K";

const KEYS = {
  "/": openCommands, "?": showKeys, t: nextTheme, l: () => byId("language").click(), p: () => byId("pause").click(), c: toggleCompare, 0: () => zoomTo(null),
};

function toggleCompare() {
  if (!byId("compare").disabled) byId("compare").click();
}

// Whether what is typed goes into a field; that of a dialog which was just closed keeps the focus for a moment.
const isTyping = (target) => target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]")?.checkVisibility();

function pressKey(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return openCommands();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const view = openViews()[Number(event.key) - 1], run = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : view && (() => go(view));
  if (!run) return;
  event.preventDefault();
  run();
}

function showKeys() {
  if (document.querySelector("dialog[open]")) return;
  const rows = [
    [[COMMAND_KEYS, "/"], "keys_commands"], [[`1 – ${openViews().length}`], "keys_views"], [["p"], "keys_pause"], [["c"], "keys_compare"], [["0"], "keys_zoom"],
    [["t"], "keys_theme"], [["l"], "keys_language"], [["← →", "Enter"], "keys_chart"], [["?"], "keys_this"], [["Esc"], "keys_close"],
  ];
  byId("key-list").replaceChildren(...rows.flatMap(([keys, text]) => [make("dt", {}, ...keys.map((key) => make("kbd", {}, key))), make("dd", {}, t(text))]));
  byId("keys").showModal();
}

function listenToKeys() {
  document.querySelector("#open-commands kbd").textContent = COMMAND_KEYS;
  addEventListener("keydown", pressKey);
}
