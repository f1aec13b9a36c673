// Theme and language: chosen by the reader, remembered by the browser.

const THEMES = ["auto", "light", "dark"];

const icon = (name) => draw("svg", { class: "icon", "aria-hidden": "true" }, draw("use", { href: `#icon-${name}` }));

function showIconButton(id, name, label) {
  const button = byId(id);
  button.replaceChildren(icon(name));
  button.setAttribute("aria-label", label);
  button.title = label;
}

function setTheme(theme) {
  remember("theme", theme);
  showIconButton("theme", "theme", t(`theme_${theme}`));
  document.documentElement.dataset.theme = theme === "auto" ? "" : theme;
  charts.forEach((chart) => chart.rebuild());
}

const nextTheme = () => setTheme(THEMES[(THEMES.indexOf(remembered("theme", "auto")) + 1) % THEMES.length]);

function showPause() {
  byId("pause").setAttribute("aria-pressed", String(paused));
  showIconButton("pause", paused ? "resume" : "pause", t(paused ? "resume" : "pause"));
}

function setLanguage(chosen) {
  language = chosen;
  remember("language", chosen);
  byId("language").textContent = chosen === "en" ? "中文" : "EN";
  byId("language").setAttribute("aria-label", chosen === "en" ? "中文" : "English");
  byId("language").lang = chosen === "en" ? "zh-CN" : "en";
  translatePage();
  showTitle();
  showKey();
  setTheme(remembered("theme", "auto"));
  showPause();
  forgetRequests();
  showRequestFilter();
  showAskModels();
  showNames();
  translateChat();
  showCapture();
}

function listenToAppearance() {
  byId("language").addEventListener("click", () => { setLanguage(language === "en" ? "zh" : "en"); tick(true); });
  byId("theme").addEventListener("click", nextTheme);
  // The system may change between light and dark, for example in the evening.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((chart) => chart.rebuild()));
}
