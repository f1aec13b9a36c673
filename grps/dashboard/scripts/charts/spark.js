// Small lines without axes.

function sparkline(values) {
  const known = values.filter((value) => value !== null && value !== undefined);
  const high = Math.max(...known, 0), low = Math.min(...known, 0), range = high - low || 1;
  const points = values.map((value, index) => (value === null || value === undefined ? null : `${(100 * index) / Math.max(values.length - 1, 1)},${24 - (22 * (value - low)) / range}`)).filter(Boolean);
  const last = points.at(-1)?.split(",")[0];
  const area = points.length > 1 ? [draw("polygon", { points: `${points[0].split(",")[0]},26 ${points.join(" ")} ${last},26` })] : [];
  return draw("svg", { class: "line", viewBox: "0 0 100 26", preserveAspectRatio: "none", "aria-hidden": "true" }, ...area, draw("polyline", { points: points.join(" ") }));
}

// The latest minute of a series as a small line, from the start of the service on.
function pastLine(name, shown = (value) => value ?? 0) {
  const end = Math.floor(serviceNow()) - 1, seconds = secondsOf([end - 58, end]);
  return sparkline(pastOf(name, seconds).map((value, index) => (value === undefined || seconds[index] < Math.floor(serviceStarted) ? null : shown(value))));
}
