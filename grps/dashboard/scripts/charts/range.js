// The time range that all charts share: a span, and a part of it when the reader has zoomed.

const SPAN_STEPS = { minute: 1, hour: 60, day: 3600, month: 86400 };
const SPAN_LENGTHS = { minute: 60, hour: 3600, day: 86400, month: 30 * 86400 };
const SPAN_TEXTS = Object.keys(SPAN_STEPS);
// {from, to} in seconds, or null.
let zoomed = null;
// The clock of the service, in seconds, and when it was read.
let serviceClock = { time: Date.now() / 1000, read: performance.now() };

const spanNow = () => byId("span").value;
const serviceNow = () => serviceClock.time + (performance.now() - serviceClock.read) / 1000;

function noteClock(time) {
  serviceClock = { time, read: performance.now() };
}

// The first and the last second that charts show.
function shownRange() {
  if (zoomed) return [zoomed.from, zoomed.to];
  const step = SPAN_STEPS[spanNow()], end = Math.floor(serviceNow() / step) * step - step;
  return [end - SPAN_LENGTHS[spanNow()] + 2 * step, end];
}

// Shows a part of the time, or all of it.
function zoomTo(range) {
  zoomed = range;
  byId("reset-zoom").hidden = !range;
  setOptions({ from: range && Math.floor(range.from), to: range && Math.ceil(range.to) });
  charts.forEach((chart) => chart.refresh());
}

// A range that the address names, as a link to it does.
function readZoom() {
  const from = Number(optionsNow.get("from")), to = Number(optionsNow.get("to")), span = optionsNow.get("span");
  if (viewNow === "requests") return;
  if (span && SPAN_TEXTS.includes(span) && span !== spanNow()) setSpan(span);
  zoomed = to > from ? { from, to } : null;
  byId("reset-zoom").hidden = !zoomed;
}

function setSpan(span) {
  byId("span").value = span;
  zoomed = null;
  byId("reset-zoom").hidden = true;
  byId("compare").disabled = span !== "minute";
  charts.forEach((chart) => chart.rebuild());
}

// A time as a span of time is read.
function moment(seconds, span) {
  const date = new Date(seconds * 1000), two = (value) => String(value).padStart(2, "0");
  const day = `${two(date.getMonth() + 1)}-${two(date.getDate())}`, hour = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return { minute: `${hour}:${two(date.getSeconds())}`, hour, day: `${day} ${hour}`, month: day }[span];
}
