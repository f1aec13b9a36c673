// The views of the page, one at a time, each with an address: #/requests?model=m-1.0.0.

// The names in addresses, in the order of the tabs, and the sections that they show.
const VIEWS = {
  overview: "overview", models: "served", requests: "requests", metrics: "series", playground: "playground", chat: "chat", logs: "log", configuration: "configuration",
};
const VIEW_TEXTS = { models: "view_served", metrics: "view_series", logs: "view_log" };
// What runs when another view is shown, or the same one with other options.
const viewListeners = [];
let viewNow = "overview";
let optionsNow = new URLSearchParams();
const pageTitle = document.title;

const viewTitle = (view) => t(VIEW_TEXTS[view] ?? view);
const isView = (...views) => views.includes(viewNow);

// The address of a view; options without a value are left out.
function addressOf(view, options = {}) {
  const given = Object.entries(options).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(given).toString();
  return `#/${view}${query ? `?${query}` : ""}`;
}

// The view and the options in the address; the name of a section is an address, too. Null where it is neither.
function readAddress() {
  const [name, query] = location.hash.slice(1).replace(/^\//, "").split("?");
  const view = name in VIEWS ? name : Object.keys(VIEWS).find((one) => VIEWS[one] === name) ?? (name === "" ? "overview" : null);
  return view && { view, options: new URLSearchParams(query ?? "") };
}

function go(view, options) {
  const address = addressOf(view, options);
  if (location.hash === address) showAddress();
  else location.hash = address;
}

// Changes options of the view that is shown without a step back in the history.
function setOptions(changes) {
  const options = { ...Object.fromEntries(optionsNow), ...changes };
  history.replaceState(null, "", addressOf(viewNow, options));
  optionsNow = readAddress().options;
}

function showTitle() {
  document.title = viewNow === "overview" ? pageTitle : `${viewTitle(viewNow)} · ${pageTitle}`;
}

function showAddress() {
  const found = readAddress();
  if (!found) return;
  const isOther = found.view !== viewNow;
  viewNow = found.view;
  optionsNow = found.options;
  for (const [view, id] of Object.entries(VIEWS)) {
    byId(id).classList.toggle("active", view === viewNow);
    const link = document.querySelector(`nav [data-view="${view}"]`);
    if (view === viewNow) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
    if (view === viewNow && isOther) link.scrollIntoView({ block: "nearest", inline: "center", behavior: "instant" });
  }
  showTitle();
  if (isOther) scrollTo({ top: 0, behavior: "instant" });
  viewListeners.forEach((listener) => listener(isOther));
}

// A view that the service does not have leads to the first one.
function leaveMissingView() {
  if (byId(VIEWS[viewNow]).hidden) go("overview");
}

function listenToViews() {
  // Reloads begin at the top: the browser would go back to where the reader was before.
  history.scrollRestoration = "manual";
  addEventListener("hashchange", showAddress);
  showAddress();
}
