// A cascade grows under a slider: branches carry the second after the start at which they came.
const PLAY_MS = 7000, STEPS = 14; // as many steps where motion is not wanted
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

export function offerScrubbing() {
  document.addEventListener("input", event => {
    const scrubber = event.target.closest?.(".scrubber");
    if (scrubber) { stop(scrubber); grow(scrubber); }
  });
  document.addEventListener("change", event => {
    const scrubber = event.target.closest?.(".scrubber");
    if (scrubber) keep(scrubber);
  });
  document.addEventListener("click", event => {
    const button = event.target.closest?.(".scrubber .play");
    if (button) play(button.closest(".scrubber"));
  });
}

function grow(scrubber) {
  const slider = scrubber.querySelector("input"), panel = scrubber.closest(".panel");
  const at = Number(slider.value), { left, right } = scrubber.dataset;
  const all = Number(slider.max) || 1;
  for (const branch of panel.querySelectorAll(".branch")) branch.classList.toggle("later", Number(branch.dataset.at) > at);
  const x = Number(left) + (Number(right) - Number(left)) * Math.min(1, at / all);
  const now = panel.querySelector(".now");
  now.setAttribute("x1", x);
  now.setAttribute("x2", x);
  const reached = scrubber.dataset.reached.split(" ").filter(Boolean).filter(each => parseFloat(each) <= at);
  const bought = reached.filter(each => each.endsWith("b")).length;
  const time = new Date(Date.parse(scrubber.dataset.start) + 1000 * at);
  const said = `${shown(time, scrubber.dataset.zone)}: ${reached.length} reached, ${bought} of them buy`;
  scrubber.querySelector("output").textContent = said;
  slider.setAttribute("aria-valuetext", said);
}

// What clocks of the brand's time zone show, as the server writes it.
function shown(time, timeZone) {
  const asked = { timeZone, day: "numeric", month: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const parts = new Intl.DateTimeFormat("en-GB", asked).formatToParts(time);
  const { day, month, hour, minute } = Object.fromEntries(parts.map(part => [part.type, part.value]));
  return `${Number(day)} ${MONTHS[month - 1]} ${hour}:${minute}`;
}

// The URL holds the moment; the whole tree needs none.
function keep(scrubber) {
  const slider = scrubber.querySelector("input"), address = new URL(location.href);
  if (Number(slider.value) >= Number(slider.max)) address.searchParams.delete("at");
  else address.searchParams.set("at", Math.round(Number(slider.value)));
  history.replaceState(null, "", address);
}

const playing = new WeakMap();

function play(scrubber) {
  if (playing.has(scrubber)) { stop(scrubber); return; }
  const slider = scrubber.querySelector("input"), all = Number(slider.max);
  const from = Number(slider.value) >= all ? 0 : Number(slider.value);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const began = performance.now(), lasts = PLAY_MS * (1 - from / (all || 1));
  scrubber.closest(".panel").dataset.held = "";
  scrubber.querySelector(".play").textContent = "Pause";
  const step = now => {
    let part = Math.min(1, (now - began) / (lasts || 1));
    if (still && part < 1) part = Math.floor(part * STEPS) / STEPS;
    slider.value = from + part * (all - from);
    grow(scrubber);
    if (part < 1) playing.set(scrubber, requestAnimationFrame(step)); else stop(scrubber);
  };
  playing.set(scrubber, requestAnimationFrame(step));
}

function stop(scrubber) {
  if (!playing.has(scrubber)) return;
  cancelAnimationFrame(playing.get(scrubber));
  playing.delete(scrubber);
  delete scrubber.closest(".panel").dataset.held;
  scrubber.querySelector(".play").textContent = "Play";
  keep(scrubber);
}
