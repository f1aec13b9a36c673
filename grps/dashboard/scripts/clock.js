// The clock of the page: asks for what the view that is shown needs, and shows it.

let servedNow = { models: [], graphs: [], default: null, default_models: null };
let servedKey = "";
let paused = false;
let turn = 0;
// The model of the playground that the address asks for, once it is chosen.
let askedFor = null;

async function refreshServed() {
  servedNow = await getJson(monitor("models"));
  await refreshDescription();
  showChatModels();
  leaveMissingView();
  chooseAskModel();
}

// Chooses the model that the address of the playground names.
function chooseAskModel() {
  const wanted = isView("playground") ? optionsNow.get("model") : null, select = byId("ask-model");
  if (!wanted || wanted === askedFor || ![...select.options].some((option) => option.value === wanted)) return;
  askedFor = wanted;
  select.value = wanted;
  showInput(true);
}

// Asks for the state of the service; also while the page is paused.
async function readLive() {
  try {
    const live = await getJson(monitor("live"));
    noteClock(live.time);
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

async function showServed(live) {
  if (!isView("models")) return;
  await refreshModelLines(live);
  for (const show of [showModels, showSteps, showLanguageModels, showTraffic, showServices, showGpus]) show(live);
  showGraphs(live, servedNow);
  showBatches(live, servedNow);
}

async function refreshLive() {
  const live = await readLive();
  noteRates(live);
  showFigures(live);
  showFirstRequest(live);
  showOverview(live, servedNow);
  if (isView("overview")) await refreshCharts();
  await showServed(live);
  if (isView("requests")) showRoutes(live);
}

// What is asked for, every how many seconds, and in which views; in all of them where none is named.
const JOBS = [
  [1, refreshLive],
  [5, refreshServed],
  [2, refreshRequests],
  [2, refreshBuckets, "overview"],
  [5, refreshNames, "metrics"],
  [2, refreshSeries, "metrics"],
  [2, refreshLog, "logs"],
  [5, refreshCapture, "requests"],
  [30, showConfiguration, "configuration"],
];

async function tick(all = false) {
  const due = JOBS.filter(([every, , ...views]) => (all || turn % every === 0) && (!views.length || isView(...views)));
  turn += 1;
  report(await Promise.allSettled(due.map(([, job]) => job())));
}

// That the service does not respond or refuses the key is shown by `readLive`; anything else is a fault of the page.
function report(outcomes) {
  const isShown = !byId("lost").hidden || !byId("refused").hidden;
  for (const { status, reason } of outcomes) if (status === "rejected" && !(isShown && reason instanceof Unreachable)) console.error(reason);
}

async function run() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (!document.hidden) await (paused ? Promise.allSettled([readLive()]).then(report) : tick());
  }
}
