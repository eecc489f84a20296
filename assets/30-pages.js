/* A wall with more tiles than fit shows them in pages, one after the other; elsewhere one scrolls. */
(function () {
  "use strict";

  const EVERY_MS = 15_000;
  let turn = 0;

  function show() {
    const pages = document.querySelectorAll(".wall-page");
    const wall = document.documentElement.hasAttribute("data-kiosk") && window.innerWidth > 1000;
    pages.forEach((page, n) => { page.hidden = wall && n !== turn % pages.length; });
  }

  document.addEventListener("takt:board", () => { turn = 0; show(); });
  window.addEventListener("resize", show);
  window.setInterval(() => { turn += 1; show(); }, EVERY_MS);
})();
