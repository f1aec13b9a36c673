// The clock of the page: asks once a second for what has changed and shows it.

const THEMES = ["auto", "light", "dark"];
let servedNow = { models: [], graphs: [], default: null, default_models: null };
let paused = false;
let turn = 0;

function setTheme(theme) {
  remember("theme", theme);
  byId("theme").textContent = t(`theme_${theme}`);
  document.documentElement.dataset.theme = theme === "auto" ? "" : theme;
  charts.forEach((chart) => chart.rebuild());
}

function setLanguage(chosen) {
  language = chosen;
  remember("language", chosen);
  byId("language").textContent = chosen === "en" ? "中文" : "English";
  byId("language").lang = chosen === "en" ? "zh-CN" : "en";
  translatePage();
  showKey();
  setTheme(remembered("theme", "auto"));
  byId("pause").textContent = t(paused ? "resume" : "pause");
  forgetRequests();
  showAskModels();
  showNames();
  translateChat();
  showCapture();
}

let servedKey = "";

async function refreshServed() {
  servedNow = await getJson(monitor("models"));
  await refreshDescription();
  showChatModels();
}

// Asks for the state of the service; also while the page is paused.
async function readLive() {
  try {
    const live = await getJson(monitor("live"));
    showReached(live);
    const key = JSON.stringify([live.service.state, live.service.started, live.models.map((model) => model.model)]);
    if (key !== servedKey) await refreshServed();
    servedKey = key;
    return live;
  } catch (error) {
    if (error instanceof Unreachable) showLost(error);
    throw error;
  }
}

async function refreshCharts(now) {
  const span = byId("span").value;
  const names = [...new Set(charts.flatMap((chart) => chart.names()))];
  const query = names.map((name) => `name=${encodeURIComponent(name)}`).join("&");
  const trends = await getJson(monitor(`trends?span=${span}&${query}`));
  charts.forEach((chart) => chart.show(trends, span, now));
}

// What is asked for, and every how many seconds.
const JOBS = [
  [1, async () => {
    const live = await readLive();
    noteRates(live);
    showOverview(live, servedNow);
    showQueueChart(live);
    showSlotsChart(live);
    showTokensChart(live);
    showGraphs(live, servedNow);
    showModels(live);
    showBatches(live, servedNow);
    showSteps(live);
    showLanguageModels(live);
    showTraffic(live);
    showServices(live);
    showGpus(live);
    showRoutes(live);
    await refreshCharts(live.time);
  }],
  [5, refreshServed],
  [2, async () => showNotable(await getJson(monitor("requests")))],
  [5, refreshNames],
  [2, refreshSeries],
  [2, refreshLog],
  [5, refreshCapture],
  [30, showConfiguration],
];

async function tick(all = false) {
  const due = JOBS.filter(([every]) => all || turn % every === 0);
  turn += 1;
  report(await Promise.allSettled(due.map(([, job]) => job())));
}

// That the service does not respond is shown by `readLive`; anything else is a fault of the page.
function report(outcomes) {
  for (const { status, reason } of outcomes) if (status === "rejected" && (!(reason instanceof Unreachable) || byId("lost").hidden)) console.error(reason);
}

const LANDING_MS = 10000;

// Keeps the section that the address names in view while content loads, until the reader scrolls.
function keepLanded(firstTick) {
  // The browser would go back to where the reader was before a reload.
  if (location.hash.length > 1) history.scrollRestoration = "manual";
  let until = Infinity;
  const land = () => {
    const target = Date.now() < until && location.hash.length > 1 ? byId(location.hash.slice(1)) : null;
    if (target?.matches("section")) target.scrollIntoView({ behavior: "instant" });
  };
  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) addEventListener(kind, () => { until = 0; }, { passive: true });
  addEventListener("hashchange", () => { until = Date.now() + LANDING_MS; land(); });
  firstTick.then(() => { until = Math.min(until, Date.now() + LANDING_MS); land(); });
  new ResizeObserver(() => {
    const header = document.querySelector("header"), isFixed = getComputedStyle(header).position === "sticky";
    document.documentElement.style.setProperty("--header", `${isFixed ? header.offsetHeight : 0}px`);
    land();
  }).observe(byId("main"));
}

async function run() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (!document.hidden) await (paused ? Promise.allSettled([readLive()]).then(report) : tick());
  }
}

byId("language").addEventListener("click", () => { setLanguage(language === "en" ? "zh" : "en"); tick(true); });
byId("theme").addEventListener("click", () => setTheme(THEMES[(THEMES.indexOf(remembered("theme", "auto")) + 1) % THEMES.length]));
byId("pause").addEventListener("click", () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").textContent = t(paused ? "resume" : "pause");
});
byId("span").addEventListener("change", () => { charts.forEach((chart) => chart.rebuild()); tick(true); });
byId("series-filter").addEventListener("input", showNames);
byId("series-own").addEventListener("change", showNames);
byId("ask-model").addEventListener("change", () => showInput(true));
byId("ask-kind").addEventListener("change", () => showInput(false));
byId("ask").addEventListener("submit", ask);
byId("copy-curl").addEventListener("click", () => copy(asCurl));
byId("copy-python").addEventListener("click", () => copy(asPython));
for (const id of ["log-file", "log-level", "log-filter", "token"]) {
  byId(id).addEventListener("input", () => Promise.allSettled([refreshLog()]).then(report));
}
byId("capture-change").addEventListener("click", () => Promise.allSettled([changeCapture()]).then(report));
document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused) tick(true); });

makeOverviewCharts();
listenToChat();
setLanguage(remembered("language", navigator.language.startsWith("zh") ? "zh" : "en"));
const firstTick = tick(true);
keepLanded(firstTick);
firstTick.then(run);
