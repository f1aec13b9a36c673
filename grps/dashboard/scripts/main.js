// Connects the page's controls, and starts its clock.

function chooseSpan(span) {
  setSpan(span);
  setOptions({ span: span === "minute" ? null : span, from: null, to: null });
  tick(true);
}

// Follows the options of the address.
function readOptions() {
  readZoom();
  showRequestFilter();
  chooseAskModel();
  if (isView("logs") && optionsNow.has("filter")) byId("log-filter").value = optionsNow.get("filter");
}

// Shows a view that has been chosen at once, not at the next second.
function showView(isOther) {
  readOptions();
  if (isOther || isView("requests")) tick(true);
}

byId("pause").addEventListener("click", () => { paused = !paused; showPause(); });
byId("span").addEventListener("change", () => chooseSpan(spanNow()));
byId("compare").addEventListener("change", () => { isCompared = byId("compare").checked; charts.forEach((chart) => chart.refresh()); });
byId("reset-zoom").addEventListener("click", () => zoomTo(null));
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
byId("enter-key").addEventListener("click", (event) => { event.preventDefault(); enterKey(); });
byId("capture-change").addEventListener("click", () => Promise.allSettled([changeCapture()]).then(report));
document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused) tick(true); });

makeOverviewCharts();
listenToChat();
listenToAppearance();
listenToCommands();
listenToKeys();
setLanguage(remembered("language", navigator.language.startsWith("zh") ? "zh" : "en"));
listenToViews();
readOptions();
viewListeners.push(showView);
tick(true).then(run);
