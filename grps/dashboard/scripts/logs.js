// The latest lines of the logs.

// Leads to the field of the key. The view is shown at once: a field that is hidden takes no focus.
function enterKey() {
  go("logs");
  showAddress();
  byId("token").focus();
}

async function refreshLog() {
  const response = await request(`grps/v1/admin/logs?bytes=65536&file=${byId("log-file").value}`);
  const area = byId("log-lines");
  if (!response.ok) {
    if (response.status === 401) return void (area.textContent = new KeyRefused(401).message);
    const answer = await response.json().catch(() => null);
    area.textContent = answer?.status?.msg ?? String(response.status);
    return;
  }
  const level = byId("log-level").value, wanted = byId("log-filter").value.toLowerCase();
  const levels = level ? ["INFO", "WARN", "ERROR"].slice(["INFO", "WARN", "ERROR"].indexOf(level)) : null;
  const lines = (await response.text()).split("\n").filter(Boolean);
  let shown = null;
  const kept = lines.filter((line) => {
    // A traceback goes with the line that it is of.
    const found = line.match(/\b(DEBUG|INFO|WARN|ERROR)(ING)?\b/);
    if (/^[{\d]/.test(line)) shown = (!levels || (found && levels.includes(found[1]))) && line.toLowerCase().includes(wanted);
    return shown;
  });
  const atEnd = area.scrollTop + area.clientHeight >= area.scrollHeight - 20;
  area.replaceChildren(...kept.slice(-500).map((line) => make("span", { class: line.match(/\b(WARN|ERROR)/)?.[1] ?? "" }, `${line}\n`)));
  if (!kept.length) area.textContent = t("no_lines");
  if (atEnd) area.scrollTop = area.scrollHeight;
}

async function showConfiguration() {
  const answer = await getJson("grps/v1/metadata/server");
  byId("configuration-text").textContent = answer.str_data ?? "";
}
