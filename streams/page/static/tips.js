// The name of a mark, shown beside the pointer or the focus: at once, and for the keyboard too.
export function offerTips() {
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true"); // marks are named already
  document.body.append(tip);
  const show = (mark, x, y) => {
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(x + 14, innerWidth - width - 8))}px`;
    tip.style.top = `${y + 18 + height > innerHeight ? y - height - 10 : y + 18}px`;
  };
  const marked = event => event.target.closest?.("[data-tip]");
  document.addEventListener("pointermove", event => {
    const mark = marked(event);
    if (mark) show(mark, event.clientX, event.clientY); else tip.hidden = true;
  });
  document.addEventListener("focusin", event => {
    const mark = marked(event);
    if (!mark) { tip.hidden = true; return; }
    const box = mark.getBoundingClientRect();
    show(mark, box.left + box.width / 2, box.top + box.height / 2);
  });
  document.addEventListener("keydown", event => { if (event.key === "Escape") tip.hidden = true; });
  // The name that browsers show of their own after a while would be a second one.
  document.addEventListener("pointerover", event => marked(event)?.querySelector(":scope > title")?.remove());
}
