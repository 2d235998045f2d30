const table = document.getElementById("settings");
const sorts = [...table.tHead.querySelectorAll("button")];
document.getElementById("only").addEventListener("change", (event) => table.classList.toggle("only", event.target.checked));
sorts.forEach((button, place) => button.addEventListener("click", () => {
  const down = button.dataset.down !== "yes";
  button.dataset.down = down ? "yes" : "no";
  const value = (row) => { const cell = row.querySelectorAll("data")[place], found = cell.value || cell.textContent; return isNaN(Number(found)) ? found : Number(found); };
  const rows = [...table.tBodies[0].rows].sort((a, b) => { const x = value(a), y = value(b); return (x < y ? -1 : x > y ? 1 : 0) * (down ? 1 : -1); });
  table.tBodies[0].append(...rows);
}));
const views = [];
const picks = [...document.querySelectorAll("button[data-pick]")];
picks.forEach((button) => button.addEventListener("click", () => {
  const pressed = button.getAttribute("aria-pressed") !== "true";
  picks.filter((other) => other.dataset.pick === button.dataset.pick).forEach((other) => other.setAttribute("aria-pressed", other === button && pressed));
  views.forEach((view) => view.signal(button.dataset.pick, pressed ? button.value : "").run());
}));
for (const [place, panel] of $panels.entries()) {
  const drawn = await window.vegaEmbed("#panel-" + place, panel, {actions: {export: true, source: false, compiled: false, editor: false}, renderer: "svg", downloadFileName: "tradeoff-" + (place + 1)});
  views.push(drawn.view);
}
