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

function asker() {
  let waiting;
  const leave = () => clearTimeout(waiting);
  const ask = address => {
    leave();
    waiting = setTimeout(() => fetch(address, { priority: "low" }).then(answer => answer.text()).catch(() => {}), PAUSE_MS);
  };
  return { ask, leave };
}
