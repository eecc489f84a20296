/* The shell's script: the document's title, going round the boards on a wall, acknowledging an
   alarm, closing the menu. It never touches a live node. */
(function () {
  "use strict";

  let board = null;
  let rotation = 0;
  let waiting = 0;

  function cookie(name) {
    const found = document.cookie.split("; ").find((part) => part.startsWith(name + "="));
    return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
  }

  /* Leave for the next board only while the server answers: a wall must never show a browser's
     error page. The address is replaced, so that the history doesn't grow. */
  async function rotate(to) {
    try {
      const answer = await fetch("/readyz", { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
    } catch {
      rotation = window.setTimeout(rotate, 2000, to);
      return;
    }
    window.history.replaceState({}, "", to);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }

  function shown() {
    if (document.getElementById("no-plant") && !waiting) {
      waiting = window.setTimeout(() => window.location.reload(), 3000);
    }
    const now = document.getElementById("board");
    if (!now || now === board) return;
    board = now;
    document.title = now.dataset.title || "Taktboard";
    document.documentElement.toggleAttribute("data-kiosk", now.classList.contains("kiosk"));
    window.clearTimeout(rotation);
    if (now.dataset.next) {
      rotation = window.setTimeout(rotate, 1000 * Number(now.dataset.rotate), now.dataset.next);
    }
  }

  async function acknowledge(button) {
    const row = button.closest(".alert-row");
    const id = row.querySelector(".alarm-id").textContent;
    button.disabled = true;
    try {
      const answer = await fetch("/alerts/acknowledge", {
        method: "POST",
        headers: { "X-CSRFToken": cookie("_csrf_token") },
        body: new URLSearchParams({ id }),
      });
      if (answer.status === 401) window.location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
    } catch {
      button.classList.add("failed");
    } finally {
      button.disabled = false;
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.acknowledge");
    if (button) acknowledge(button);
    document.querySelectorAll("details.shell-menu[open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    });
  });

  new MutationObserver(shown).observe(document.documentElement, { childList: true, subtree: true });
  shown();
})();
