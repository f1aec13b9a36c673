// What all charts share: a frame with title and legend, one cursor, zoom by dragging, and a way to the requests of a time.

const charts = [];
const CHART_HEIGHT = 172;
const CLICK_PX = 4;
// How far around a point the requests are shown, in seconds.
const AROUND_S = 5;

class Plot {
  constructor(parent, title) {
    this.title = title;
    this.caption = make("span", { class: "name" });
    this.time = make("span", { class: "time" });
    this.legend = make("div", { class: "legend" });
    this.body = make("div", { role: "img", tabindex: "0" });
    this.figure = make("figure", { class: "panel" }, make("figcaption", {}, this.caption, this.time), this.legend, this.body);
    parent.append(this.figure);
    this.plot = null;
    charts.push(this);
    new ResizeObserver(() => this.resize()).observe(this.body);
    this.body.addEventListener("keydown", (event) => this.press(event));
    this.showTitle();
  }

  showTitle() {
    this.caption.textContent = t(this.title);
    if (!this.plot) this.body.setAttribute("aria-label", t(this.title));
  }

  rebuild() {
    this.plot?.destroy();
    this.plot = null;
    this.legend.replaceChildren();
    this.refresh();
  }

  remove() {
    charts.splice(charts.indexOf(this), 1);
    this.plot?.destroy();
    this.figure.remove();
  }

  resize() {
    if (this.plot && this.body.clientWidth) this.plot.setSize({ width: this.body.clientWidth, height: CHART_HEIGHT });
  }

  // Whether the reader points at a time.
  get isPointed() { return this.plot?.cursor.left >= 0 && this.plot.cursor.idx !== null && this.plot.cursor.idx !== undefined; }

  // What every uPlot of the page has.
  frame() {
    const axis = { stroke: resolved("--quiet"), grid: { stroke: resolved("--grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    return {
      width: Math.max(this.body.clientWidth, 200), height: CHART_HEIGHT, legend: { show: false }, padding: [8, 24, 0, 0],
      cursor: {
        y: false, points: { size: 7 }, bind: { dblclick: () => () => { zoomTo(null); return null; } },
        drag: { x: true, y: false, setScale: false },
        sync: { key: "grps", filters: { pub: (kind) => kind === "mousemove" || kind === "mouseleave" } },
      },
      axes: [{ ...axis, space: 70, size: 26, values: (_, ticks) => ticks.map((tick) => moment(tick, spanNow())) }, { ...axis, size: 58, values: (_, ticks) => ticks.map(number) }],
      hooks: {
        setCursor: [() => this.tell()],
        setSelect: [(plot) => this.select(plot)],
        ready: [(plot) => this.listen(plot)],
      },
    };
  }

  // A drag zooms all charts to the same time.
  select(plot) {
    const { left, width } = plot.select;
    if (width <= CLICK_PX) return;
    const from = plot.posToVal(left, "x"), to = plot.posToVal(left + width, "x");
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    if (to - from >= 2 * SPAN_STEPS[spanNow()]) zoomTo({ from, to });
  }

  listen(plot) {
    let pressedAt = null;
    plot.over.addEventListener("mousedown", (event) => { pressedAt = event.clientX; });
    plot.over.addEventListener("click", (event) => {
      if (pressedAt !== null && Math.abs(event.clientX - pressedAt) < CLICK_PX) this.open();
    });
  }

  // Shows the requests of the time that the cursor is at.
  open() {
    if (!this.isPointed) return;
    const time = this.plot.data[0][this.plot.cursor.idx], step = SPAN_STEPS[spanNow()];
    const around = step === 1 ? AROUND_S : 0;
    go("requests", { from: Math.floor(time - around), to: Math.ceil(time + step + around) });
  }

  // The arrow keys move the cursor, Enter opens the requests of its time.
  press(event) {
    if (event.key === "Enter") return this.open();
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !this.plot) return;
    event.preventDefault();
    const times = this.plot.data[0], index = this.isPointed ? this.plot.cursor.idx + step : times.length - 1;
    const time = times[Math.max(0, Math.min(times.length - 1, index))];
    this.plot.setCursor({ left: this.plot.valToPos(time, "x"), top: CHART_HEIGHT / 3 }, true, true);
  }
}
