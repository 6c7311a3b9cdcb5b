"use strict";

// charts: one Bokeh document, a root for each place
const content = document.getElementById("content");
const views = [];

async function draw() {
  const { charts, planes } = JSON.parse(content.textContent);
  const managers = await Bokeh.embed.embed_items(charts.documents, charts.items);
  views.push(...managers.flatMap((manager) => [...manager]).filter((view) => "repaint" in view));
  const report = Bokeh.documents.at(-1);
  const select = document.getElementById("plane");
  const model = (name) => report.get_model_by_name(name);
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

// tables: a head sorts by its column, once more the other way round
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const key = (row, column) => {
    const cell = row.cells[column];
    return "number" in cell.dataset ? Number(cell.dataset.number) : cell.textContent;
  };
  for (const head of table.tHead.rows[0].cells) {
    head.firstElementChild.addEventListener("click", () => {
      const up = head.ariaSort !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.ariaSort = null;
      head.ariaSort = up ? "ascending" : "descending";
      const ordered = [...body.rows].sort((a, b) => {
        const [left, right] = [key(a, head.cellIndex), key(b, head.cellIndex)];
        return (left > right) - (left < right);
      });
      body.append(...(up ? ordered : ordered.reverse()));
    });
  }
}

if (content) draw();
