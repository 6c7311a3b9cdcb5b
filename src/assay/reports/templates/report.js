"use strict";

// charts: one Bokeh document, a root for each place
const page = JSON.parse(document.getElementById("content").textContent);
const views = [];

async function draw() {
  const { charts, planes } = page;
  const managers = await Bokeh.embed.embed_items(charts.documents, charts.items);
  views.push(...managers.flatMap((manager) => [...manager]).filter((view) => "repaint" in view));
  if (innerWidth < 700) {  // a row of names would not fit
    for (const { model } of views) {
      const long = model.above.find((legend) => legend.items?.length > 2);
      if (!long) continue;
      long.setv({ orientation: "vertical", spacing: 0, padding: 2 });
      model.height += 18 * long.items.length;
    }
  }
  const report = Bokeh.documents.at(-1);
  const select = document.getElementById("plane");
  const model = (name) => report.get_model_by_name(name);
  CANDLES?.begin(model);
  select?.addEventListener("change", () => {
    const plane = planes[Number(select.value)];
    model("columns").factors = plane.columns;
    model("rows").factors = plane.rows;
    model("map-x").setv({ axis_label: plane.x, major_label_orientation: plane.turn });
    model("map-y").axis_label = plane.y;
    model("winner").data = plane.at;
    model("cells").data = { ...plane.cells, score: plane.cells.score.map((score) => score ?? NaN) };
  });
}

// the colours of text, axes and grids are those of the style sheet: paint again when they change
const repaint = () => {
  for (const view of views) {
    view.request_repaint();  // says that all of it is stale
    view.repaint();  // at once: paper does not wait
  }
};
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

// on paper stand copies of the charts in light colours, which shrink with the sheet as a chart would not
addEventListener("beforeprint", () => {
  document.documentElement.classList.add("printing");
  repaint();
  for (const view of views) view.el.parentElement.append(view.export().canvas);
});
addEventListener("afterprint", () => {
  document.documentElement.classList.remove("printing");
  repaint();
  for (const copy of document.querySelectorAll(".chart > canvas")) copy.remove();
});

// the table of trades: a head sorts by its column, once more the other way round
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const places = new Map([...body.rows].map((row, i) => [row, i]));
  for (const head of table.tHead.rows[0].cells) {
    const column = page.trades[head.dataset.column];
    const key = (row) => column[places.get(row)] ?? Number.NEGATIVE_INFINITY;  // what is unknown is at one end
    head.firstElementChild.addEventListener("click", () => {
      const up = head.ariaSort !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.ariaSort = null;
      head.ariaSort = up ? "ascending" : "descending";
      const ordered = [...body.rows].sort((a, b) => {
        const [left, right] = [key(a), key(b)];
        return (left > right) - (left < right);
      });
      body.append(...(up ? ordered : ordered.reverse()));
    });
  }
}
