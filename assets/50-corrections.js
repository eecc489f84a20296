/* The form of count corrections: shows the hour's counts before and after while one types. The server
   counts, formats and judges (/corrections/change); without this script the form works all the same. */
(function () {
  "use strict";

  const PAUSE_MS = 200, AGAIN_MS = 2000;
  let asking = 0, later = 0;

  async function look(form) {
    const asked = ++asking, query = new URLSearchParams(new FormData(form));
    ["csrf_token", "key", "reason"].forEach((name) => query.delete(name));
    let change = null;
    try {
      const answer = await fetch(`/corrections/change?${query}`, { cache: "no-store" });
      if (!answer.ok) return lookLater(form, AGAIN_MS);
      /* It leads to the login: the session is over. */
      change = answer.redirected ? { hour: "", counts: {}, fault: form.dataset.ended } : await answer.json();
    } catch {
      return lookLater(form, AGAIN_MS);
    }
    if (asked === asking) show(form, change);
  }

  function lookLater(form, ms) {
    window.clearTimeout(later);
    later = window.setTimeout(() => look(form), ms);
  }

  function show(form, change) {
    form.querySelector("[data-hour]").textContent = change.hour;
    form.querySelectorAll("[data-kind]").forEach((kind) => {
      const counts = change.counts[kind.dataset.kind] || { before: "–", after: "–" };
      kind.querySelector("[data-before]").textContent = counts.before;
      kind.querySelector("[data-after]").textContent = counts.after;
      kind.classList.toggle("changed", counts.before !== counts.after);
    });
    const fault = form.querySelector(".correction-fault");
    fault.textContent = change.fault;
    fault.hidden = !change.fault;
  }

  function step(button) {
    const field = button.parentElement.querySelector("input");
    field.value = String((Number(field.value.replace("−", "-")) || 0) + Number(button.dataset.by));
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("correction");
    if (!form) return;
    form.addEventListener("input", () => lookLater(form, PAUSE_MS));
    form.addEventListener("click", (event) => {
      const button = event.target.closest("[data-by]");
      if (!button) return;
      step(button);
      look(form);
    });
    form.addEventListener("focusin", (event) => {
      if (event.target.closest(".correction-step input")) event.target.select();
    });
  });
})();
