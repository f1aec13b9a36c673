// Lines over time.

// The number of processors of the service, once it is known; when it started, in seconds.
let processors = 1;
let serviceStarted = 0;
let isCompared = false;

// A chart of series; `lines` are {name: series, label: key, value: what is shown of a value, unit,
// colour, isMeasured}. A measured line has a gap where nothing ran; any other is zero there. With
// `most`, no larger value is shown. Its text tells the latest values.
class Chart extends Plot {
  constructor(parent, title, lines, most = Infinity) {
    super(parent, title);
    this.lines = lines;
    this.most = most;
    // Names of lines that the reader has switched off.
    this.off = new Set();
  }

  names() { return this.lines.map((line) => line.name); }
  label(line) { return line.text ?? t(line.label); }
  colourOf(line, index) { return line.colour ?? COLOURS[index % COLOURS.length]; }

  // What is drawn of the value of a second; null is a gap.
  drawn(line, value, time) {
    if (value === undefined || time < Math.floor(serviceStarted)) return null;
    if (line.isMeasured && !value) return null;
    return Math.min(this.most, line.value?.(value ?? 0) ?? value ?? 0);
  }

  points() {
    const span = spanNow(), step = SPAN_STEPS[span];
    if (span === "minute") {
      const times = secondsOf(shownRange());
      const of = (line, shift) => pastOf(line.name, times, shift).map((value, index) => this.drawn(line, value, times[index] - shift));
      return [times, ...this.lines.map((line) => of(line, 0)), ...this.lines.map((line) => (isCompared ? of(line, 60) : times.map(() => null)))];
    }
    const length = Math.max(...this.lines.map((line) => trendsNow[line.name]?.length ?? 0));
    if (!length) return [[]];
    // The present step is still being counted.
    const end = Math.floor(serviceNow() / step) * step - step;
    const times = Array.from({ length: length - 1 }, (_, index) => end - (length - 2 - index) * step);
    const of = (line) => times.map((time, index) => this.drawn(line, trendsNow[line.name]?.[index], time + step));
    return [times, ...this.lines.map(of), ...this.lines.map(() => times.map(() => null))];
  }

  refresh() {
    this.showTitle();
    const data = this.points();
    if (data[0].length < 2 || !this.body.clientWidth) return;
    if (!this.plot) this.make(data);
    else this.plot.setData(data);
    this.tell();
    const latest = this.lines.map((line, index) => `${this.label(line)} ${number(data[index + 1].at(-1))}`);
    this.body.setAttribute("aria-label", t("pair", t(this.title), latest.join(t("comma"))));
  }

  make(data) {
    const frame = this.frame(), isAlone = this.lines.length === 1;
    const low = (value) => Math.min(0, value ?? 0), high = (value) => Math.min(value > 0 ? value * 1.08 : 1, this.most);
    const lines = this.lines.map((line, index) => {
      const colour = resolved(this.colourOf(line, index));
      const isSingle = (plot, number, show) => (show ? [...isolated(plot.data[number])] : null);
      return { label: this.label(line), stroke: colour, width: 1.75, show: !this.off.has(line.name), fill: isAlone ? (plot) => under(plot, colour) : undefined, points: { show: true, size: 4, fill: colour, filter: isSingle } };
    });
    const before = this.lines.map((line, index) => ({ stroke: faded(resolved(this.colourOf(line, index)), 0.55), width: 1, dash: [4, 4], points: { show: false }, show: !this.off.has(line.name) }));
    frame.scales = { x: { range: () => shownRange() }, y: { range: (_, from, to) => [low(from), high(to)] } };
    frame.series = [{}, ...lines, ...before];
    this.plot = new uPlot(frame, data, this.body);
    this.legend.replaceChildren(...this.lines.map((line, index) => this.entry(line, index)));
  }

  // A line in the legend, which switches it on and off.
  entry(line, index) {
    const button = make("button", { type: "button", "aria-pressed": String(!this.off.has(line.name)), onclick: () => this.toggle(line, index, button) },
      make("i", { style: `background: var(${this.colourOf(line, index)})` }), make("span", { class: "label" }, this.label(line)), make("b"), make("span", { class: "before" }));
    return button;
  }

  toggle(line, index, button) {
    const isOn = this.off.delete(line.name);
    if (!isOn) this.off.add(line.name);
    button.setAttribute("aria-pressed", String(isOn));
    this.plot.setSeries(index + 1, { show: isOn });
    this.plot.setSeries(index + 1 + this.lines.length, { show: isOn });
  }

  // The legend tells the values at the cursor; where nobody points, the latest ones.
  tell() {
    if (!this.plot) return;
    const { data } = this.plot, at = this.isPointed ? this.plot.cursor.idx : data[0].length - 1;
    this.time.textContent = this.isPointed ? moment(data[0][at], spanNow()) : "";
    this.lines.forEach((line, index) => {
      const entry = this.legend.children[index], before = data[index + 1 + this.lines.length]?.[at] ?? null;
      if (!entry) return;
      const written = (value) => (value === null || value === undefined ? "–" : `${number(value)}${line.unit ?? ""}`);
      entry.children[2].textContent = written(data[index + 1][at]);
      entry.children[3].textContent = isCompared && before !== null ? t("before", written(before)) : "";
    });
  }
}

// The values that have a gap on both sides: without a point, nothing of them would be drawn.
function isolated(values) {
  const isKnown = (index) => values[index] !== null && values[index] !== undefined;
  return values.map((_, index) => index).filter((index) => isKnown(index) && !isKnown(index - 1) && !isKnown(index + 1));
}

// A fill that fades from the line to the axis.
function under(plot, colour) {
  const { top, height } = plot.bbox, gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, faded(colour, 0.28));
  gradient.addColorStop(1, faded(colour, 0.02));
  return gradient;
}
