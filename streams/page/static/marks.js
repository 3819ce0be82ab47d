// One stop of the Tab key a figure: arrow keys, Home and End go from mark to mark.
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

export function offerArrows(root) {
  for (const figure of root.querySelectorAll("svg.figure")) {
    const marks = [...figure.querySelectorAll(".mark")];
    marks.forEach((mark, n) => mark.setAttribute("tabindex", n ? "-1" : "0"));
  }
}

document.addEventListener("keydown", event => {
  const mark = event.target.closest?.("svg.figure .mark");
  if (!mark || event.ctrlKey || event.metaKey || event.altKey) return;
  const marks = [...mark.closest("svg.figure").querySelectorAll(".mark")];
  const to = event.key === "Home" ? 0 : event.key === "End" ? marks.length - 1
    : event.key in STEPS ? marks.indexOf(mark) + STEPS[event.key] : -1;
  if (!marks[to]) return;
  event.preventDefault();
  mark.setAttribute("tabindex", "-1");
  marks[to].setAttribute("tabindex", "0");
  marks[to].focus();
});
