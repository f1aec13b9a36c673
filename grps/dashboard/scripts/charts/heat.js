// A heat map of latencies: time to the right, latency upwards on a logarithmic scale, and the rate as shade.

// Two bounds of histograms are this far apart, on average.
const HALF_POWER = Math.SQRT2;

class HeatMap extends Plot {
  constructor(parent) {
    super(parent, "chart_heat");
    this.figure.classList.add("heat");
    this.note = make("span", { class: "quiet" });
    this.rows = [];
    this.most = 1;
  }

  names() { return []; }

  // The intervals that are shown, and the bounds between the smallest and the largest latency in them.
  prepare() {
    const [from, to] = shownRange();
    this.cells = ["minute", "hour"].includes(spanNow()) ? intervals.filter((one) => one.to >= from && one.from <= to) : [];
    const isFound = (bound) => this.cells.some((one) => one.counts.has(bound)), found = bounds.map(isFound);
    this.rows = bounds.slice(Math.max(0, found.indexOf(true)), found.lastIndexOf(true) + 1);
    this.most = Math.max(1e-9, ...this.cells.flatMap((one) => [...one.counts.values()].map((count) => count / (one.to - one.from))));
  }

  refresh() {
    this.showTitle();
    if (!this.body.clientWidth) return;
    this.prepare();
    const data = [this.cells.map((one) => (one.from + one.to) / 2), this.cells.map((one) => [...one.counts.values()].reduce((sum, count) => sum + count, 0))];
    if (!this.plot) this.make(data);
    else this.plot.setData(data);
    this.tell();
    this.body.setAttribute("aria-label", t("pair", t(this.title), t("heat_range", ...this.edges())));
  }

  edges() { return this.rows.length ? [this.written(this.lower(0)), this.written(this.rows.at(-1))] : ["–", "–"]; }
  written(seconds) {
    if (seconds === Infinity) return "∞";
    return seconds >= 1 ? `${number(seconds)} s` : `${number(1000 * seconds)} ms`;
  }
  lower(row) { return row > 0 ? this.rows[row - 1] : (this.rows[0] ?? 0) / HALF_POWER; }

  make(data) {
    const frame = this.frame();
    frame.scales = { x: { range: () => shownRange() }, y: { range: () => [0, Math.max(4, this.rows.length)] } };
    frame.axes[0].grid = { show: false };
    frame.axes[1] = { ...frame.axes[1], splits: () => this.ticks(), values: (_, ticks) => ticks.map((row) => this.written(this.lower(row))), grid: { show: false } };
    frame.series = [{}, { paths: () => null, points: { show: false } }];
    frame.cursor.y = true;
    frame.cursor.points = { show: false };
    this.colour = resolved("--line-1");
    frame.hooks.drawClear = [(plot) => this.draw(plot)];
    this.plot = new uPlot(frame, data, this.body);
    this.legend.replaceChildren(this.note);
  }

  ticks() {
    const every = Math.max(1, Math.ceil(this.rows.length / 5));
    return this.rows.map((_, row) => row).filter((row) => row % every === 0);
  }

  draw(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { from, to, counts } of this.cells) {
      const left = plot.valToPos(from, "x", true), right = plot.valToPos(to, "x", true);
      for (const [bound, count] of counts) {
        const row = this.rows.indexOf(bound), top = plot.valToPos(row + 1, "y", true), bottom = plot.valToPos(row, "y", true);
        ctx.fillStyle = faded(this.colour, 0.12 + 0.88 * Math.sqrt(count / (to - from) / this.most));
        ctx.fillRect(left, top, Math.max(1, right - left - 1), Math.max(1, bottom - top - 1));
      }
    }
    ctx.restore();
  }

  // The latencies and the rate of the cell that the reader points at.
  tell() {
    if (!this.plot) return;
    const cell = this.isPointed ? this.cells[this.plot.cursor.idx] : null;
    this.time.textContent = cell ? moment(cell.to, spanNow()) : "";
    const empty = ["minute", "hour"].includes(spanNow()) ? "heat_waiting" : "heat_spans";
    if (!this.rows.length) return void (this.note.textContent = t(empty));
    const row = Math.floor(this.plot.posToVal(this.plot.cursor.top, "y"));
    if (!cell || !(row in this.rows) || this.plot.cursor.top < 0) return void (this.note.textContent = t("heat_hint"));
    const count = [...cell.counts].filter(([bound]) => this.rows.indexOf(bound) === row).reduce((sum, [, one]) => sum + one, 0);
    this.note.textContent = t("pair", t("heat_range", this.written(this.lower(row)), this.written(this.rows[row])), t("heat_rate", number(count / (cell.to - cell.from))));
  }
}
