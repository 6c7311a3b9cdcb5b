// candles with what was traded: a row of the table, or a button, takes the chart to its trade
const CANDLES = (() => {
  const known = page.candles;
  if (!known) return null;
  const { trades } = page;
  const { unit, own_ms: own } = known;
  const digits = Math.max(0, Math.round(-Math.log10(unit)));
  const entered = trades.entry_time.map(Date.parse);
  const left = trades.exit_time.map(Date.parse);
  const rows = [...document.querySelectorAll("#trade-rows tbody tr")];  // in order of the trades, before any sorting
  let chosen = -1;
  let model = null;

  const spelled = (ms) => [[86_400_000, "d"], [3_600_000, "h"], [60_000, "m"]].map(([size, letter]) => ms % size ? "" : `${ms / size}${letter}`).find(Boolean);

  // four numbers a candle: open from the close before, close from the open, and how far high and low go beyond both
  const columns = ({ start_ms, step_ms, moves }) => {
    const found = { time: [], open: [], high: [], low: [], close: [], width: [], fill: [], color: [] };
    let close = 0;
    for (let i = 0; i < moves.length; i += 4) {
      if (moves[i + 2] < 0) continue;  // not recorded
      const open = close + moves[i];
      close = open + moves[i + 1];
      const price = { open, close, high: Math.max(open, close) + moves[i + 2], low: Math.min(open, close) - moves[i + 3] };
      for (const [name, value] of Object.entries(price)) found[name].push(Number((value * unit).toFixed(digits)));
      found.time.push(start_ms + step_ms * (i / 4 + 0.5));
      found.width.push(step_ms * 0.7);
      found.fill.push(close < open ? 1 : 0);
      found.color.push(close < open ? "#e8743b" : "#3b82f6");
    }
    return found;
  };

  const number = (value, form) => value === null ? "unknown" : form(value);
  const label = (i) => `${i + 1}: ${trades.side[i]}, ${number(trades.R[i], (r) => `${r < 0 ? "" : "+"}${r.toFixed(2)} R`)}`;

  let drawn = null;

  // prices from the lowest to the highest candle in sight, and the chosen trade's own
  const fit = () => {
    const { start, end } = model("candle-range");
    const seen = drawn.time.map((_, i) => i).filter((i) => drawn.time[i] >= start && drawn.time[i] <= end);
    if (!seen.length) return;
    const own = chosen < 0 ? [] : [trades.entry[chosen], trades.exit[chosen], trades.stop[chosen], trades.target[chosen]];
    const known = own.filter((price) => price !== null);
    const low = Math.min(...known, ...seen.map((i) => drawn.low[i]));
    const high = Math.max(...known, ...seen.map((i) => drawn.high[i]));
    const margin = 0.06 * (high - low || high);
    model("candle-prices").setv({ start: low - margin, end: high + margin });
  };

  const show = (block, from, to) => {
    drawn = columns(block);
    model("candles").data = drawn;
    model("candle-range").setv({ start: from, end: to });
    fit();
  };

  const marks = (size) => {
    const all = { long: [], short: [], exit: [] };
    trades.side.forEach((side, i) => {
      all[side].push([entered[i] + own / 2, trades.entry[i], label(i)]);
      all.exit.push([left[i] + own / 2, trades.exit[i], `${label(i)}, ${trades.reason[i]}`]);
    });
    for (const [name, points] of Object.entries(all)) {
      const source = model(name);  // none for a side that was never traded
      if (source) source.data = { time: points.map((p) => p[0]), price: points.map((p) => p[1]), text: points.map((p) => p[2]), size: points.map(() => size) };
    }
  };

  const way = (i) => {
    const [x0, x1] = [entered[i] + own / 2, left[i] + own / 2];
    const end = Math.max(x1, x0 + own);
    const lines = [
      ["", x0, x1, trades.entry[i], trades.exit[i], "solid", "#8b949e"],
      ["stop", x0, end, trades.stop[i], trades.stop[i], "dashed", "#e8743b"],
      ["target", x0, end, trades.target[i], trades.target[i], "dotted", "#3b82f6"],
    ].filter((line) => line[3] !== null);
    const [names, x, right, y0, y1, dash, color] = [0, 1, 2, 3, 4, 5, 6].map((k) => lines.map((line) => line[k]));
    model("way").data = { x0: x, x1: right, y0, y1, dash, color };
    model("way-names").data = { x: right, y: y1, text: names };
  };

  const steps = () => {
    document.getElementById("earlier").disabled = chosen === 0;
    document.getElementById("later").disabled = chosen === rows.length - 1;
  };

  const said = (sentence) => { document.getElementById("chosen").textContent = sentence; };

  const whole = () => {
    rows[chosen]?.removeAttribute("aria-selected");
    chosen = -1;
    const { start_ms, step_ms, moves } = known.whole;
    show(known.whole, start_ms - step_ms, start_ms + step_ms * (moves.length / 4 + 1));
    model("way").data = { x0: [], x1: [], y0: [], y1: [], dash: [], color: [] };
    model("way-names").data = { x: [], y: [], text: [] };
    marks(6);
    said(`${rows.length} trades on candles of ${spelled(step_ms)}`);
    steps();
  };

  const choose = (i) => {
    rows[chosen]?.removeAttribute("aria-selected");
    chosen = i;
    rows[i].setAttribute("aria-selected", "true");
    for (const row of rows) row.tabIndex = row === rows[i] ? 0 : -1;
    const near = known.near[i - known.first_near];
    const block = near ?? known.whole;
    if (near) {
      show(near, near.start_ms, near.start_ms + near.step_ms * near.moves.length / 4);
    } else {
      const margin = 20 * block.step_ms;
      show(block, entered[i] - margin, left[i] + margin);
    }
    marks(12);
    way(i);
    const times = [trades.entry_time[i], trades.exit_time[i]].map((text) => text.slice(0, 16).replace("T", " "));
    said(`Trade ${label(i)}, ${times.join(" to ")}, ${trades.reason[i]}; candles of ${spelled(block.step_ms)}`);
    steps();
    document.getElementById("chart-candles").scrollIntoView({ block: "nearest" });
  };

  const begin = (byName) => {
    model = byName;
    whole();
    model("candle-range").change.connect(fit);
    if (matchMedia("(pointer: fine)").matches) {
      model("candle-plot").toolbar.active_drag = model("candle-zoom");
    }
    document.getElementById("earlier").addEventListener("click", () => choose(chosen < 0 ? rows.length - 1 : chosen - 1));
    document.getElementById("later").addEventListener("click", () => choose(chosen + 1));
    document.getElementById("whole").addEventListener("click", whole);
    const body = rows[0].parentElement;
    rows[0].tabIndex = 0;
    const follow = (row) => { if (row) { choose(rows.indexOf(row)); row.focus({ preventScroll: true }); row.scrollIntoView({ block: "nearest" }); } };
    body.addEventListener("click", (event) => choose(rows.indexOf(event.target.closest("tr"))));
    body.addEventListener("keydown", (event) => {
      const row = event.target.closest("tr");
      const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, Enter: row }[event.key];
      if (next !== undefined) {
        event.preventDefault();
        follow(next);
      }
    });
  };
  return { begin };
})();
