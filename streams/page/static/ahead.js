// What somebody is about to ask for is asked already, so that the server has it when they do: the view behind a link that is
// pointed at or has the focus, and what the form over a view asks for after a change.
const PAUSE_MS = 100; // for who only passes by

export function askAhead() {
  const links = asker(), forms = asker();
  const pointed = event => {
    const link = event.target.closest?.("a[href^='/view/']:not([download])");
    if (link) links.ask(new URL(link.getAttribute("href"), location)); else links.leave();
  };
  document.addEventListener("pointerover", pointed);
  document.addEventListener("focusin", pointed);
  document.addEventListener("change", event => {
    const form = event.target.closest("form.scope");
    if (!form?.checkValidity()) return;
    forms.ask(new URL(`${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`, location));
  });
}

// Asks one thing at a time, and then the latest that is still wanted: the store has others to answer too.
function asker() {
  let waiting, busy = false, next;
  const leave = () => { clearTimeout(waiting); next = undefined; };
  const start = async address => {
    if (busy) { next = address; return; }
    busy = true;
    try { await (await fetch(address, { priority: "low" })).text(); } catch { /* it is told when it is asked for in earnest */ }
    busy = false;
    if (next) { address = next; next = undefined; start(address); }
  };
  const ask = address => { leave(); waiting = setTimeout(start, PAUSE_MS, address); };
  return { ask, leave };
}
