// Figures follow the tables: a server-sent event says that they changed, and the panels are asked for anew. So are they now
// and then where one of them tells of something else too.
const PAUSE_MS = 2000; // between two refreshes, or four times what the last one took
const LONGEST_PRESS_MS = 10000; // after it a pointer is taken for released out of sight

export function follow(refreshed) {
  const status = document.getElementById("live");
  const say = (text, live) => {
    if (status.textContent !== text) status.textContent = text;
    document.documentElement.toggleAttribute("data-live", live);
  };
  let busy = false, again = false;
  const refresh = async () => {
    if (busy || document.hidden) { again = true; return; }
    busy = true; again = false;
    let took = 0;
    try { took = await replace(refreshed); } catch { say("not live: trying again", false); }
    setTimeout(() => { busy = false; if (again) refresh(); }, Math.max(PAUSE_MS, 4 * took));
  };
  const events = new EventSource("/events");
  let known = document.querySelector(".as-of").dataset.version;
  const heard = event => {
    const { version } = JSON.parse(event.data);
    say("live", true);
    if (version !== known) refresh();
    known = version;
  };
  events.addEventListener("ready", heard);
  events.addEventListener("changed", heard);
  events.addEventListener("error", () => say("not live: trying again", false));
  const fresh = [...document.querySelectorAll("[data-fresh-s]")].map(each => 1000 * Number(each.dataset.freshS));
  if (fresh.length) setInterval(refresh, Math.min(...fresh));
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) refresh(); });
  addEventListener("pagehide", () => events.close());
}

// Replaces panels that differ; what is open stays open, and the focus stays where it was. Returns how long the server took, in ms:
// a pointer that is held down is no reason for a longer pause.
async function replace(refreshed) {
  const address = new URL(location.href);
  if (address.pathname === "/") address.pathname = document.querySelector("form.scope").getAttribute("action");
  address.searchParams.set("fragment", "1");
  address.searchParams.delete("said");
  const began = performance.now();
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(answer.statusText);
  const made = new DOMParser().parseFromString(await answer.text(), "text/html");
  const took = performance.now() - began;
  await released();
  for (const fresh of made.querySelectorAll(".panel")) {
    const old = document.getElementById(fresh.id);
    if (!old || old.dataset.held !== undefined || asServed(old) === fresh.innerHTML) continue;
    const open = [...old.querySelectorAll("details")].map(each => each.open);
    const focusable = "a, button, input, select, summary, [tabindex]";
    const at = [...old.querySelectorAll(focusable)].indexOf(document.activeElement);
    served.set(old, fresh.innerHTML);
    old.replaceChildren(...document.adoptNode(fresh).childNodes);
    [...old.querySelectorAll("details")].forEach((each, n) => { each.open = open[n] ?? false; });
    if (at >= 0) old.querySelectorAll(focusable)[at]?.focus({ preventScroll: true });
    refreshed(old);
    old.dispatchEvent(new CustomEvent("refreshed", { bubbles: true }));
  }
  document.querySelector(".as-of").replaceWith(made.querySelector(".as-of"));
  document.documentElement.dataset.refreshed = String(Number(document.documentElement.dataset.refreshed ?? 0) + 1);
  return took;
}

// A button that is replaced while it is pressed is never clicked: resolves once nothing is pressed, after that click.
const pressed = new Set();
addEventListener("pointerdown", event => pressed.add(event.pointerId), true);
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, event => pressed.delete(event.pointerId), true);
async function released() {
  for (const began = performance.now(); pressed.size && performance.now() - began < LONGEST_PRESS_MS;)
    await new Promise(resolve => setTimeout(resolve, 50));
}

// A form that somebody fills in stays as it is.
addEventListener("input", event => { const panel = event.target.closest(".panel"); if (panel) panel.dataset.held = ""; });

const served = new WeakMap();
const asServed = panel => served.get(panel);
