// What the page can do beyond HTML: live figures, asking ahead, tips, arrow keys, a tree that grows, PNG, copying. Everything else
// works without it.
import { askAhead } from "/static/ahead.js";
import { follow } from "/static/live.js";
import { offerArrows } from "/static/marks.js";
import { offerPictures } from "/static/picture.js";
import { offerTips } from "/static/tips.js";
import { offerScrubbing } from "/static/tree.js";

// A name that was given with a change is remembered by this browser alone.
const me = document.querySelector("meta[name=viewer]")?.content; // who is signed in by name needs not give it
const offerName = root => {
  for (const field of root.querySelectorAll("[data-me]")) {
    if (!field.value) field.value = me ?? localStorage.getItem("name") ?? "";
    field.closest(".field").hidden = Boolean(me);
  }
};
document.addEventListener("submit", event => {
  const name = event.target.querySelector?.("[data-me]")?.value;
  if (name && !me) localStorage.setItem("name", name);
});
const offer = root => { offerPictures(root); offerArrows(root); offerName(root); };
askAhead();
offerTips();
offerScrubbing();
offer(document);
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(".sql").textContent);
    button.textContent = "Copied";
  });
}
// A field that is empty, or as it is now, is left out of the address.
document.addEventListener("formdata", event => {
  if (event.target.method !== "get") return;
  for (const [name, value] of [...event.formData])
    if (!value || event.target.elements[name]?.dataset?.now === value) event.formData.delete(name);
}, true);
if (document.getElementById("panels")) follow(offer);
document.documentElement.dataset.ready = "";
