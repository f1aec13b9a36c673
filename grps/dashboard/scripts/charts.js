// Lines over time.

const COLOURS = ["--accent", "--warn", "--bad", "--good"];
const SPAN_STEPS = { minute: 1, hour: 60, day: 3600, month: 86400 };
const charts = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);

// CSS colours may be written as light-dark(): a canvas wants the one that holds.
function resolved(name) {
  const probe = make("span", { style: `color: var(${name})` });
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// The number of processors of the service, once it is known.
let processors = 1;

// A chart of series; `lines` are {name: series, label: key, value: what is shown of a value}. With
// `most`, no larger value is shown. Its text tells the latest values.
class Chart {
  constructor(parent, title, lines, most = Infinity) {
    this.title = title;
    this.lines = lines;
    this.most = most;
    this.caption = make("figcaption");
    this.body = make("div", { role: "img" });
    parent.append(make("figure", {}, this.caption, this.body));
    this.plot = null;
    charts.push(this);
    new ResizeObserver(() => this.resize()).observe(this.body);
  }

  names() { return this.lines.map((line) => line.name); }

  rebuild() {
    this.plot?.destroy();
    this.plot = null;
  }

  resize() {
    if (this.plot && this.body.clientWidth) this.plot.setSize({ width: this.body.clientWidth, height: 190 });
  }

  show(trends, span, now) {
    const step = SPAN_STEPS[span];
    const shown = (line, value) => (value === null ? null : Math.min(this.most, line.value?.(value) ?? value));
    const points = this.lines.map((line) => (trends[line.name] ?? []).map((value) => shown(line, value)));
    const length = Math.max(...points.map((values) => values.length), 0);
    this.caption.textContent = t(this.title);
    if (!length) return;
    const times = Array.from({ length }, (_, index) => Math.floor(now / step) * step - (length - 1 - index) * step);
    // The present step is still being counted.
    const data = [times, ...points].map((values) => values.slice(0, -1));
    if (this.plot) this.plot.setData(data);
    else this.plot = new uPlot(this.options(span), data, this.body);
    // Where nobody points, the legend tells the latest values.
    if (this.plot.cursor.idx === null || this.plot.cursor.left < 0) this.plot.setLegend({ idx: data[0].length - 1 });
    const latest = this.lines.map((line, index) => `${this.label(line)} ${number(data[index + 1].at(-1))}`);
    this.body.setAttribute("aria-label", t("pair", t(this.title), latest.join(t("comma"))));
  }

  label(line) { return line.text ?? t(line.label); }

  options(span) {
    const axis = { stroke: resolved("--quiet"), grid: { stroke: resolved("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    return {
      width: Math.max(this.body.clientWidth, 200), height: 190, cursor: { y: false },
      axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => moment(tick, span)) }, { ...axis, size: 46, values: (_, ticks) => ticks.map(number) }],
      scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.min(Math.max(high ?? 0, 1e-3) * 1.05, this.most)] } },
      series: [{ label: t("time"), value: (_, value) => (value === null ? "–" : moment(value, span)) }, ...this.lines.map((line, index) => ({
        label: this.label(line), stroke: resolved(COLOURS[index % COLOURS.length]), width: 1.6, points: { show: false },
        value: (_, value) => number(value),
      }))],
    };
  }
}

// A time as a span of time is read.
function moment(seconds, span) {
  const date = new Date(seconds * 1000), two = (value) => String(value).padStart(2, "0");
  const day = `${two(date.getMonth() + 1)}-${two(date.getDate())}`, hour = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return { minute: `${hour}:${two(date.getSeconds())}`, hour, day: hour, month: day }[span];
}

// A small line without axes.
function sparkline(values) {
  const known = values.filter((value) => value !== null);
  const high = Math.max(...known, 0), low = Math.min(...known, 0), range = high - low || 1;
  const points = values.map((value, index) => (value === null ? null : `${(100 * index) / Math.max(values.length - 1, 1)},${24 - (22 * (value - low)) / range}`));
  return draw("svg", { viewBox: "0 0 100 26", preserveAspectRatio: "none", "aria-hidden": "true" },
    draw("polyline", { points: points.filter(Boolean).join(" ") }));
}
