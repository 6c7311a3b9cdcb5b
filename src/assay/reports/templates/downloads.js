// files that are made here, of what the page holds
const written = (value) => value === null || value === undefined ? "" : typeof value === "string" ? `"${value.replaceAll('"', '""')}"` : String(value);

const csv = (columns) => {
  const names = Object.keys(columns);
  const lines = [names.map(written), ...columns[names[0]].map((_, i) => names.map((name) => written(columns[name][i])))];
  return `${lines.map((cells) => cells.join(",")).join("\n")}\n`;
};

const day = (first, i) => new Date(Date.parse(first) + 86_400_000 * i).toISOString().slice(0, 10);

const FILES = {
  trades: () => [`${page.name}-trades.csv`, "text/csv", csv(page.trades)],
  equity: () => {
    const { first, equity } = page.equity;
    return [`${page.name}-equity.csv`, "text/csv", csv({ date: equity.map((_, i) => day(first, i)), equity })];
  },
  document: () => [`${page.name}.json`, "application/json", page.document],
};

for (const button of document.querySelectorAll("[data-file]")) {
  button.addEventListener("click", () => {
    const [name, type, text] = FILES[button.dataset.file]();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
}
