// What the page can do beyond HTML: live figures, tips, a tree that grows, PNG, copying. Everything else works without it.
import { follow } from "/static/live.js";
import { offerPictures } from "/static/picture.js";
import { offerTips } from "/static/tips.js";
import { offerScrubbing } from "/static/tree.js";

offerTips();
offerScrubbing();
offerPictures(document);
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.querySelector(".sql").textContent);
    button.textContent = "Copied";
  });
}
if (document.getElementById("panels")) follow(offerPictures);
document.documentElement.dataset.ready = "";
