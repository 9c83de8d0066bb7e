"use strict";
// Tables: a heading sorts by its column, numbers from the greatest first; what is undefined stays last.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement, column = heading.cellIndex, isNumber = heading.classList.contains("n");
    const was = heading.getAttribute("aria-sort");
    const descending = was === "none" ? isNumber : was === "ascending";
    const body = heading.closest("table").tBodies[0];
    const key = (row) => {
      const cell = row.cells[column];
      return isNumber ? (cell.dataset.v === undefined ? NaN : Number(cell.dataset.v)) : cell.textContent;
    };
    const rows = Array.from(body.rows, (row) => [key(row), row]);
    const sign = descending ? -1 : 1;
    rows.sort(([a], [b]) => {
      if (!isNumber) return sign * a.localeCompare(b);
      return Number.isNaN(a) - Number.isNaN(b) || sign * (a - b) || 0;
    });
    body.append(...rows.map(([, row]) => row));
    for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  });
}
// Matrices: the counts behind a cell, for pointer, finger and arrow keys alike.
const tip = document.createElement("div");
tip.id = "tip";
tip.setAttribute("role", "tooltip");
document.body.append(tip);
const hide = () => { tip.textContent = ""; };
const show = (cell) => {
  if (!cell.dataset.counts) return hide();
  tip.textContent = cell.dataset.counts;
  const at = cell.getBoundingClientRect();
  const left = Math.min(at.left, document.documentElement.clientWidth - tip.offsetWidth - 8);
  const above = at.top - tip.offsetHeight - 6;
  tip.style.left = Math.max(4, left) + "px";
  tip.style.top = (above < 4 ? at.bottom + 6 : above) + "px";
};
for (const table of document.querySelectorAll("table.matrix")) {
  const cells = Array.from(table.tBodies[0].rows, (row) => Array.from(row.cells).slice(1));
  for (const cell of cells.flat()) {
    cell.tabIndex = -1;
    if (cell.title) {
      cell.dataset.counts = cell.title;
      cell.setAttribute("aria-label", cell.title);
      cell.removeAttribute("title");
    }
  }
  if (!cells.length || !cells[0].length) continue;
  table.setAttribute("role", "grid");
  cells[0][0].tabIndex = 0;
  table.addEventListener("mouseover", (event) => { const cell = event.target.closest("td"); cell ? show(cell) : hide(); });
  table.addEventListener("mouseleave", hide);
  table.addEventListener("focusin", (event) => show(event.target));
  table.addEventListener("focusout", hide);
  table.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (event.key === "Escape") hide();
    const cell = event.target.closest("td");
    if (!step || !cell) return;
    const row = cells.findIndex((row) => row.includes(cell));
    const next = cells[row + step[0]]?.[cells[row].indexOf(cell) + step[1]];
    if (!next) return;
    event.preventDefault();
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}
document.addEventListener("scroll", hide, true);
