// The commands: what the reader can go to or do, found by typing.

let commandsShown = [];
let commandChosen = 0;

// {group, text, keys, run}
function allCommands() {
  const command = (group, text, run, keys = "") => ({ group, text, run, keys });
  const views = openViews().map((view, index) => command("group_view", t("command_go", viewTitle(view)), () => go(view), String(index + 1)));
  const models = (previous?.models ?? []).flatMap(({ model }) => [
    command("group_model", t("command_model", model), () => go("models", { model })),
    command("group_model", t("command_requests", model), () => go("requests", { model })),
    command("group_model", t("command_try", model), () => go("playground", { model })),
  ]);
  const ranges = SPAN_TEXTS.map((span) => command("group_action", t("command_range", t(`span_${span}`)), () => { go("overview"); chooseSpan(span); }));
  return [
    ...views, ...models,
    command("group_action", t("command_theme"), nextTheme, "t"), command("group_action", t("command_language"), () => byId("language").click(), "l"),
    command("group_action", t("command_pause"), () => byId("pause").click(), "p"), command("group_action", t("command_compare"), toggleCompare, "c"),
    ...ranges, command("group_action", t("reset_zoom"), () => zoomTo(null), "0"), command("group_action", t("command_copy"), copyLink),
    command("group_action", t("command_key"), enterKey), command("group_action", t("command_keys"), showKeys, "?"),
  ];
}

// How well a command fits: all words are in it; those where a word begins with them come first.
function fitOf(text, words) {
  const lower = text.toLowerCase();
  if (!words.every((word) => lower.includes(word))) return 0;
  return 1 + words.filter((word) => lower.split(/[\s:“”._-]+/).some((part) => part.startsWith(word))).length;
}

function showCommands() {
  const words = byId("command-text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = allCommands().map((one, index) => ({ ...one, index, fit: fitOf(`${one.text} ${t(one.group)}`, words) })).filter((one) => one.fit);
  commandsShown = words.length ? fits.sort((a, b) => b.fit - a.fit || a.index - b.index) : fits;
  byId("command-none").hidden = commandsShown.length > 0;
  byId("command-list").replaceChildren(...commandsShown.map((one, index) => make("li", {
    role: "option", id: `command-${index}`, "aria-selected": "false", onclick: () => runCommand(index), onmousemove: () => chooseCommand(index),
  }, make("span", {}, one.text), make("span", { class: "quiet" }, t(one.group)), one.keys ? make("kbd", {}, one.keys) : make("span"))));
  chooseCommand(0);
}

function chooseCommand(index) {
  const rows = byId("command-list").children;
  rows[commandChosen]?.setAttribute("aria-selected", "false");
  commandChosen = rows.length ? (index + rows.length) % rows.length : 0;
  rows[commandChosen]?.setAttribute("aria-selected", "true");
  rows[commandChosen]?.scrollIntoView({ block: "nearest", behavior: "instant" });
  if (rows.length) byId("command-text").setAttribute("aria-activedescendant", `command-${commandChosen}`);
  else byId("command-text").removeAttribute("aria-activedescendant");
}

function runCommand(index) {
  const command = commandsShown[index];
  byId("commands").close();
  command?.run();
}

function openCommands() {
  if (document.querySelector("dialog[open]")) return;
  byId("command-text").value = "";
  byId("commands").showModal();
  showCommands();
}

// Says for a moment what was done.
function toast(text) {
  byId("toast").textContent = text;
  byId("toast").classList.add("shown");
  setTimeout(() => byId("toast").classList.remove("shown"), 2500);
}

// The address of what is shown, with the range of the charts.
function linkHere() {
  const span = viewNow === "overview" && spanNow() !== "minute" ? { span: spanNow() } : {};
  return new URL(addressOf(viewNow, { ...Object.fromEntries(optionsNow), ...span }), location.href).href;
}

async function copyLink() {
  toast(t(await toClipboard(linkHere()) ? "link_copied" : "link_refused"));
}

function listenToCommands() {
  byId("open-commands").addEventListener("click", openCommands);
  byId("command-text").addEventListener("input", showCommands);
  byId("command-text").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) { event.preventDefault(); chooseCommand(commandChosen + step); }
    if (event.key === "Enter" && !event.isComposing) { event.preventDefault(); runCommand(commandChosen); }
  });
  // A click beside a dialog closes it.
  for (const dialog of document.querySelectorAll("dialog")) dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
