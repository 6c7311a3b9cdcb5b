// Candles, trades, equity and drawdown of one market in one chart with one axis of time. What is drawn comes from the
// API, asked by the browser; the page sends addresses and which trade to look at.

const STEP_ROOM = 60; // bars that are shown on both sides of a trade
const TEXT_UNTIL = 1500; // bars up to which marks carry their numbers: of more they would cover each other
const WHOLE = { conflationThresholdFactor: 1e-6 }; // a line of few points is drawn as it is

const colours = (dark) => ({
  text: dark ? "#95a3b6" : "#56637a", line: dark ? "#1b2432" : "#e3e8f0",
  up: dark ? "#3fc1a6" : "#00705b", down: dark ? "#ff8a80" : "#b3261e", volume: dark ? "#33415a" : "#b9c5d6",
  equity: dark ? "#7ab8ff" : "#0b5cad", entry: dark ? "#e6edf6" : "#1b2430", chosen: dark ? "#e6b450" : "#8a5a00",
});

async function script(address) {
  if (!window.LightweightCharts) await import(address);
  return window.LightweightCharts;
}

async function asked(address, form) {
  const answer = await fetch(address, { headers: { Accept: form } });
  if (answer.ok) return answer;
  const found = await answer.json().catch(() => ({}));
  throw new Error(found.error ? found.error.message : `the server answered ${answer.status}`);
}

const seconds = (text) => Date.parse(text) / 1000;
const nearest = (times, wanted) => {
  let low = 0, high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < wanted) low = middle + 1; else high = middle;
  }
  return low;
};

export default {
  template: `<div class="candles"><div class="candles-chart" ref="chart" role="group" :aria-label="label"></div>
    <div class="candles-text" :class="{ lower: masks }" role="status" aria-live="polite">{{ text }}</div></div>`,
  props: {
    bars: String, trades: String, equity: String, marks: String, masks: Boolean, dark: Boolean, label: String, prefix: String,
  },

  data() { return { text: "reading bars …" }; },

  async mounted() {
    this.begun = performance.now();
    try {
      await this.draw();
      this.text = "";
    } catch (error) {
      this.text = `The chart cannot be drawn: ${error.message}`;
    }
    this.$emit("drawn", { ms: performance.now() - this.begun, bars: this.held ? this.held.rows : 0 });
  },

  unmounted() { this.chart?.remove(); },

  watch: { bars() { this.redraw(); } },

  methods: {
    async draw() {
      const [charts, arrow, content, trades, equity, marks] = await Promise.all([
        script(`${this.prefix}/lightweight-charts.js`),
        import(`${this.prefix}/static/arrow.js`),
        asked(this.bars, "application/vnd.apache.arrow.stream").then((answer) => answer.arrayBuffer()),
        this.trades ? asked(this.trades, "application/json").then((answer) => answer.json()) : { trades: [] },
        this.equity ? asked(this.equity, "application/json").then((answer) => answer.json()) : null,
        this.marks ? asked(this.marks, "application/json").then((answer) => answer.json()) : null,
      ]);
      this.held = arrow.readBars(content);
      this.list = trades.trades;
      this.build(charts);
      this.drawBars(charts);
      if (equity) this.drawEquity(charts, equity.equity);
      this.drawTrades(charts);
      if (marks) this.showMarks(marks.points.map((point) => point.time));
      if (this.waiting) this.showSignals(this.waiting);
      this.chart.timeScale().fitContent();
    },

    /** Draw other bars in the same chart. */
    async redraw() {
      const wanted = this.bars;
      this.text = "reading bars …";
      try {
        const { readBars } = await import(`${this.prefix}/static/arrow.js`);
        const content = await (await asked(wanted, "application/vnd.apache.arrow.stream")).arrayBuffer();
        if (wanted !== this.bars || !this.candles) return; // others are wanted by now
        this.held = readBars(content);
        this.fill();
        if (this.waiting) this.showSignals(this.waiting);
        this.chart.timeScale().fitContent();
        this.text = "";
      } catch (error) {
        if (wanted === this.bars) this.text = `These bars cannot be drawn: ${error.message}`;
      }
    },

    build(charts) {
      const c = (this.colours = colours(this.dark));
      this.chart = charts.createChart(this.$refs.chart, {
        autoSize: true,
        layout: {
          background: { color: "transparent" }, textColor: c.text, fontSize: 11, attributionLogo: true,
          panes: { separatorColor: c.line, enableResize: true },
        },
        grid: { vertLines: { color: c.line }, horzLines: { color: c.line } },
        rightPriceScale: { borderColor: c.line },
        timeScale: { borderColor: c.line, timeVisible: true, minBarSpacing: 0.001, enableConflation: true },
        crosshair: { mode: charts.CrosshairMode.Normal },
      });
      this.chart.subscribeClick((event) => this.clicked(event));
    },

    drawBars(charts) {
      const { rows, low } = this.held, c = this.colours;
      const least = rows ? Math.min(...low.slice(-500)) : 1;
      const precision = Math.max(2, Math.min(8, 4 - Math.floor(Math.log10(least || 1))));
      this.candles = this.chart.addSeries(charts.CandlestickSeries, {
        upColor: "transparent", borderUpColor: c.up, wickUpColor: c.up, // hollow: rising also without colours
        downColor: c.down, borderDownColor: c.down, wickDownColor: c.down,
        priceFormat: { type: "price", precision, minMove: 10 ** -precision },
      });
      this.volumes = this.chart.addSeries(charts.HistogramSeries, {
        color: c.volume, priceScaleId: "volume", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false,
      });
      if (this.masks) this.drawMasks(charts);
      this.fill();
      this.chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.85, bottom: 0 } });
      this.chart.priceScale("right").applyOptions({ scaleMargins: { top: 0.05, bottom: 0.2 } });
    },

    fill() {
      const { rows, time, open, high, low, close, volume, valid } = this.held, c = this.colours;
      const bars = new Array(rows), sizes = new Array(rows), masked = [];
      for (let i = 0; i < rows; i++) {
        bars[i] = { time: time[i], open: open[i], high: high[i], low: low[i], close: close[i] };
        if (!valid[i]) bars[i].color = bars[i].borderColor = bars[i].wickColor = c.volume;
        if (!valid[i]) masked.push({ time: time[i], value: 1 });
        sizes[i] = volume[i] === volume[i] ? { time: time[i], value: volume[i] } : { time: time[i] };
      }
      this.candles.setData(bars);
      this.volumes.setData(sizes);
      this.strips?.setData(masked);
    },

    /** Strips at the top where bars are masked, and a line that says what the bar under the pointer is. */
    drawMasks(charts) {
      this.strips = this.chart.addSeries(charts.HistogramSeries, {
        color: this.colours.chosen, priceScaleId: "masked", lastValueVisible: false, priceLineVisible: false,
      });
      this.chart.priceScale("masked").applyOptions({ scaleMargins: { top: 0, bottom: 0.97 }, visible: false });
      this.chart.subscribeCrosshairMove(({ time }) => { this.text = time === undefined ? "" : this.described(time); });
    },

    described(time) {
      const { open, high, low, close, volume, valid } = this.held;
      const i = nearest(this.held.time, time);
      const when = new Date(this.held.time[i] * 1000).toISOString().slice(0, 16).replace("T", " ");
      const size = volume[i] === volume[i] ? `  V ${volume[i].toLocaleString("en-US")}` : "";
      const reasons = [];
      if (volume[i] === 0) reasons.push("nothing was traded");
      if (high[i] === low[i]) reasons.push("high = low");
      if (Math.max(open[i], close[i]) > high[i] || Math.min(open[i], close[i]) < low[i]) reasons.push("open or close out of bounds");
      const mask = valid[i] ? "" : `  · masked: ${reasons.join(", ") || "made of masked bars"}`;
      return `${when}  O ${open[i]}  H ${high[i]}  L ${low[i]}  C ${close[i]}${size}${mask}`;
    },

    drawEquity(charts, days) {
      const c = this.colours, { time, rows } = this.held;
      if (!rows) return;
      // a day's value stands at the last bar before the day's end: every point lies on the one axis of time
      const points = new Map();
      let high = -Infinity;
      for (const { date, equity } of days) {
        const stamp = time[nearest(time, seconds(`${date}T23:59:59Z`))];
        high = Math.max(high, equity);
        points.set(stamp, { time: stamp, value: equity, fall: 100 * (equity / high - 1) });
      }
      const list = [...points.values()].sort((a, b) => a.time - b.time);
      const line = { lineWidth: 2, priceLineVisible: false, ...WHOLE };
      this.chart.addSeries(charts.AreaSeries, {
        ...line, lineColor: c.equity, topColor: `${c.equity}44`, bottomColor: `${c.equity}05`, title: "equity",
      }, 1).setData(list.map(({ time, value }) => ({ time, value })));
      this.chart.addSeries(charts.BaselineSeries, {
        ...line, baseValue: { type: "price", price: 0 }, bottomLineColor: c.down, bottomFillColor1: `${c.down}11`,
        bottomFillColor2: `${c.down}44`, topLineColor: c.down, title: "drawdown %",
      }, 2).setData(list.map(({ time, fall }) => ({ time, value: fall })));
      const panes = this.chart.panes();
      [5, 1.4, 1].forEach((share, i) => panes[i]?.setStretchFactor(share));
    },

    drawTrades(charts) {
      const c = this.colours, { time } = this.held;
      this.places = this.list.map((trade) => [nearest(time, seconds(trade.entry_time)), nearest(time, seconds(trade.exit_time))]);
      const entries = [], exits = [];
      this.list.forEach((trade, i) => {
        const [entry, exit] = this.places[i], isLong = trade.side === "long", won = trade.return > 0;
        entries.push({
          time: time[entry], position: isLong ? "belowBar" : "aboveBar", shape: isLong ? "arrowUp" : "arrowDown",
          color: c.entry, id: `entry ${i}`,
        });
        exits.push({
          time: time[exit], position: isLong ? "aboveBar" : "belowBar", shape: won ? "circle" : "square",
          color: won ? c.up : c.down, id: `exit ${i}`, text: trade.R === null ? "" : `${won ? "+" : ""}${trade.R.toFixed(1)}R`,
        });
      });
      const inOrder = (marks) => marks.sort((a, b) => a.time - b.time);
      const near = inOrder([...entries, ...exits]), far = inOrder(entries.map((mark) => ({ ...mark, size: 0.6 })));
      const marks = charts.createSeriesMarkers(this.candles, far, { autoScale: false });
      let isNear = false;
      this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
        const wanted = range !== null && range.to - range.from <= TEXT_UNTIL;
        if (wanted !== isNear) marks.setMarkers((isNear = wanted) ? near : far);
      });
      const line = { lineWidth: 2, priceLineVisible: false, lastValueVisible: false, crosshairMarkerVisible: false, ...WHOLE };
      this.lines = {
        stop: this.chart.addSeries(charts.LineSeries, { ...line, color: c.down, lineStyle: charts.LineStyle.Dashed, title: "stop" }),
        target: this.chart.addSeries(charts.LineSeries, { ...line, color: c.up, lineStyle: charts.LineStyle.Dotted, title: "target" }),
        held: this.chart.addSeries(charts.LineSeries, { ...line, color: c.chosen }),
      };
    },

    /** Show points of a funnel, or other moments, as marks; called again they are moved in place. */
    showMarks(times) {
      const { time } = this.held;
      const marks = times.map((at) => ({
        time: time[nearest(time, typeof at === "string" ? seconds(at) : at / 1000)], position: "aboveBar", shape: "arrowDown", color: this.colours.chosen,
      }));
      marks.sort((a, b) => a.time - b.time);
      this.otherMarks ??= window.LightweightCharts.createSeriesMarkers(this.candles, [], { autoScale: false });
      this.otherMarks.setMarkers(marks);
    },

    /** Signals as [ms, side, filled]: an arrow where a trade came of it, a dot where none did; moved in place. */
    showSignals(signals) {
      this.waiting = signals;
      if (!this.candles) return;
      const { time, rows } = this.held, c = this.colours, marks = [];
      for (const [ms, side, filled] of rows ? signals : []) {
        const at = ms / 1000, isLong = side > 0;
        if (at < time[0] || at > time[rows - 1]) continue;
        marks.push({
          time: time[nearest(time, at)], position: isLong ? "belowBar" : "aboveBar",
          shape: filled ? (isLong ? "arrowUp" : "arrowDown") : "circle", color: filled ? c.chosen : c.equity, size: filled ? 1 : 0.6,
        });
      }
      this.otherMarks ??= window.LightweightCharts.createSeriesMarkers(this.candles, [], { autoScale: false });
      this.otherMarks.setMarkers(marks);
    },

    /** Go to a trade: its entry, exit, stop and target fill the chart. */
    look(index) {
      const trade = this.list?.[index];
      if (!trade) return;
      const { time } = this.held, [entry, exit] = this.places[index];
      const from = time[entry], to = time[Math.max(exit, entry + 1)] ?? from + 1;
      const flat = (price) => [{ time: from, value: price }, { time: to, value: price }];
      this.lines.stop.setData(flat(trade.stop));
      this.lines.target.setData(Number.isFinite(trade.target) ? flat(trade.target) : []);
      this.lines.held.setData([{ time: from, value: trade.entry }, { time: to, value: trade.exit }]);
      const room = Math.max(STEP_ROOM, exit - entry);
      this.chart.timeScale().setVisibleLogicalRange({ from: entry - room, to: exit + room });
      const net = `${(100 * trade.return).toFixed(2)} %`;
      this.text = `${index + 1} of ${this.list.length}: ${trade.side}, ${trade.entry_time.slice(0, 16).replace("T", " ")}, ${trade.reason}, ${net}, ${trade.R === null ? "" : `${trade.R.toFixed(2)} R`}`;
    },

    fit() { this.chart?.timeScale().fitContent(); },

    span(from, to) { this.chart?.timeScale().setVisibleRange({ from: from / 1000, to: to / 1000 }); },

    clicked(event) {
      const name = typeof event.hoveredObjectId === "string" ? event.hoveredObjectId : "";
      const [kind, index] = name.split(" ");
      if (kind === "entry" || kind === "exit") this.$emit("trade", Number(index));
    },
  },
};
