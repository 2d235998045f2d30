window.vegaEmbed("#chart", $spec, {actions: {export: true, source: false, compiled: false, editor: false}, renderer: "svg", downloadFileName: "tradeoff"});
const table = document.getElementById("settings");
document.getElementById("only").addEventListener("change", (event) => table.classList.toggle("only", event.target.checked));
table.querySelectorAll("th").forEach((cell, column) => cell.addEventListener("click", () => {
  const down = cell.dataset.down !== "yes";
  cell.dataset.down = down ? "yes" : "no";
  const value = (row) => { const found = row.cells[column].dataset.value ?? row.cells[column].textContent; return isNaN(Number(found)) ? found : Number(found); };
  const rows = [...table.tBodies[0].rows].sort((a, b) => { const x = value(a), y = value(b); return (x < y ? -1 : x > y ? 1 : 0) * (down ? 1 : -1); });
  table.tBodies[0].append(...rows);
}));
