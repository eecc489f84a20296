/* The stops board: a tap on a row opens the sheet of that stop, a tap on a reason in it says why.

   The sheet's HTML comes from the server (/stops/one), anew when the stop's row in the stream has
   changed; what was typed stays. Every word carries a key of its own, so that sending it again after a
   failure counts once, and what its sender had seen, so that nobody overrules anybody unawares. This
   script owns #stop-sheet and touches no live node. */
(function () {
  "use strict";

  const TOAST_MS = 12_000;
  let board = null, sheet = null, shown = "", stamp = "", asking = 0, sending = false, toast = null, toastOff = 0;
  /* The last word that was not taken: said again it keeps its key. Of the one that is `held` the
     message outlives the sheet's HTML. */
  let word = null, held = null;

  function cookie(name) {
    const found = document.cookie.split("; ").find((part) => part.startsWith(name + "="));
    return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
  }

  /* crypto.randomUUID is there over TLS alone. */
  function newKey() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function rowOf(stop) {
    return [...board.querySelectorAll(".stop-row")].find((row) =>
      !row.hidden && row.querySelector(".stop-id").textContent === stop);
  }

  function stampOf(row) {
    return row ? row.querySelector(".stop-stamp").textContent : "";
  }

  async function open(stop) {
    if (!stop) return;
    if (stop !== shown) sheet.replaceChildren();
    shown = stop;
    stamp = stampOf(rowOf(stop));
    mark();
    await load();
  }

  async function load() {
    if (!shown) return;
    const asked = ++asking, stop = shown;
    const query = new URLSearchParams({ stop, lang: board.dataset.lang });
    let answer = null;
    try {
      answer = await fetch(`/stops/one?${query}`, { cache: "no-store" });
    } catch {
      return;  /* the stream says that the server is away; the next change asks again */
    }
    if (answer.status === 401) { window.location.reload(); return; }
    if (asked !== asking || stop !== shown) return;
    if (!answer.ok) { close(); return; }
    fill(await answer.text());
  }

  function fill(html) {
    const kept = {
      text: sheet.querySelector("#stop-text")?.value || "",
      cut: sheet.querySelector("#stop-cut")?.dataset.moved ? sheet.querySelector("#stop-cut").value : "",
      open: [...sheet.querySelectorAll("details")].map((one) => one.open),
      scroll: sheet.scrollTop, focus: document.activeElement?.id || "",
      said: word && word === held ? sheet.querySelector(".stop-message")?.cloneNode(true) : null,
    };
    sheet.innerHTML = html;
    sheet.hidden = false;
    const text = sheet.querySelector("#stop-text"), cut = sheet.querySelector("#stop-cut");
    if (text) text.value = kept.text;
    if (cut && kept.cut) { cut.value = kept.cut; cut.dataset.moved = "1"; }
    sheet.querySelectorAll("details").forEach((one, n) => { one.open = Boolean(kept.open[n]); });
    if (kept.said) sheet.querySelector(".stop-message").replaceWith(kept.said);
    sheet.scrollTop = kept.scroll;
    if (kept.focus && kept.focus.startsWith("stop-")) document.getElementById(kept.focus)?.focus();
    cutAt();
  }

  function close() {
    shown = "";
    word = null;
    asking += 1;
    if (sheet) { sheet.hidden = true; sheet.replaceChildren(); }
    mark();
  }

  function mark() {
    board?.querySelectorAll(".stop-row").forEach((row) => {
      row.classList.toggle("here", shown !== "" && row.querySelector(".stop-id").textContent === shown);
    });
  }

  /* ── the cut ── */

  /* By the plant's clock, which may be set within the stop. */
  function written(moment, timeZone) {
    return new Date(moment).toLocaleTimeString("en-GB", { timeZone });
  }

  /* Microseconds. */
  function begun(one) {
    return BigInt(one.dataset.stop.split("@")[1]);
  }

  function length(seconds) {
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }

  function cutAt() {
    const cut = sheet.querySelector("#stop-cut"), one = sheet.querySelector(".stop-one");
    if (!cut) return;
    const at = Number(cut.value), whole = Number(one.dataset.length);
    sheet.querySelector('[data-cut="before"]').textContent = length(at);
    sheet.querySelector('[data-cut="at"]').textContent = written(Number(begun(one) / 1000n) + 1000 * at, one.dataset.zone);
    sheet.querySelector('[data-cut="after"]').textContent = length(whole - at);
  }

  /* ── saying something ── */

  function said(button) {
    const one = sheet.querySelector(".stop-one");
    const form = { stop: one.dataset.stop, seen: one.dataset.seen };
    if (button.dataset.reason) return { ...form, kind: "assign", reason: button.dataset.reason };
    const { kind, neighbour, edit } = button.dataset;
    if (kind === "comment") return { ...form, kind, text: sheet.querySelector("#stop-text").value };
    if (kind === "merge") return { ...form, kind, neighbour };
    if (kind === "withdraw") return { ...form, kind, edit };
    const at = BigInt(sheet.querySelector("#stop-cut").value);
    return { ...form, kind, at: String(begun(one) + at * 1_000_000n) };
  }

  function same(one, other) {
    return other && ["stop", "kind", "reason", "at", "neighbour", "edit", "text"].every((n) => one[n] === other[n]);
  }

  async function send(form, label) {
    if (sending || (form.kind === "comment" && !form.text.trim())) return;
    word = same(form, word) ? { ...form, key: word.key } : { ...form, key: newKey() };
    sending = true;
    (sheet || document.body).classList.add("sending");
    let answer = null, body = {};
    try {
      answer = await fetch("/stops/say", {
        method: "POST",
        headers: { "X-CSRFToken": cookie("_csrf_token") },
        body: new URLSearchParams({ ...word, lang: board.dataset.lang }),
        signal: AbortSignal.timeout(10_000),
      });
      body = await answer.json();
    } catch {
      if (answer === null) { answer = { ok: false, status: 0 }; }
    } finally {
      sending = false;
      sheet.classList.remove("sending");
    }
    if (answer.status === 401) { window.location.reload(); return; }
    if (!answer.ok) { refused(answer.status, body, label); return; }
    const told = word;
    word = null;
    done(told, body.edit, label);
  }

  function refused(status, body, label) {
    const message = sheet.querySelector(".stop-message");
    const text = status === 409 ? body.text : sheet.dataset.failed;
    if (!message) { show(text); return; }
    message.replaceChildren(document.createTextNode(text));
    held = word;
    if (body.why === "conflict") {
      const again = document.createElement("button");
      again.type = "button";
      again.className = "stop-again";
      again.textContent = label;
      message.append(again);
      message.hidden = false;
      load();
      return;
    }
    message.hidden = false;
    message.scrollIntoView({ block: "nearest" });
    if (status !== 409) return;
    const told = word;
    load().then(() => { if (held === told) held = null; });  /* what was refused stands in the sheet, too */
  }

  function done(told, edit, label) {
    if (told.kind === "comment") sheet.querySelector("#stop-text").value = "";
    if (told.kind === "withdraw") { show(sheet.dataset.undone); load(); return; }
    show(`${told.stop.split("@")[0]}: ${label}`, { ...told, edit });
    if (told.kind === "comment") load(); else close();
  }

  function show(text, undo) {
    toast?.remove();
    window.clearTimeout(toastOff);
    toast = document.createElement("div");
    toast.className = "stop-toast";
    toast.setAttribute("role", "status");
    toast.append(document.createTextNode(text));
    if (undo) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = sheet.dataset.undo;
      button.addEventListener("click", () => {
        send({ stop: undo.stop, kind: "withdraw", edit: String(undo.edit), seen: "" }, "");
      }, { once: true });
      toast.append(button);
    }
    document.body.append(toast);
    toastOff = window.setTimeout(() => { toast?.remove(); toast = null; }, TOAST_MS);
  }

  /* ── taps ── */

  function tapped(event) {
    if (!sheet) return;
    const row = event.target.closest(".stop-row");
    if (row) { open(row.querySelector(".stop-id").textContent); return; }
    if (!sheet.contains(event.target)) return;
    if (event.target.closest(".stop-close")) { close(); return; }
    if (event.target.closest(".stop-again")) {
      send({ ...word, seen: sheet.querySelector(".stop-one").dataset.seen }, event.target.textContent);
      return;
    }
    const nudge = event.target.closest(".stop-nudge"), cut = sheet.querySelector("#stop-cut");
    if (nudge) {
      cut.value = String(Number(cut.value) + Number(nudge.dataset.by));
      cut.dataset.moved = "1";
      cutAt();
      return;
    }
    const button = event.target.closest("button.reason, button.stop-act");
    if (button) send(said(button), button.firstChild.textContent.trim());
  }

  document.addEventListener("click", tapped);
  document.addEventListener("input", (event) => {
    if (event.target.id === "stop-cut") { event.target.dataset.moved = "1"; cutAt(); }
  });
  document.addEventListener("keydown", (event) => {
    if (!sheet) return;
    if (event.key === "Escape" && shown) close();
    const row = event.target.closest?.(".stop-row");
    if (row && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); row.click(); }
  });
  document.addEventListener("takt:board", (event) => {
    board = event.detail;
    sheet = board?.querySelector("#stop-sheet") || null;
    shown = "";
    word = null;
    if (!sheet) return;
    open(new URLSearchParams(window.location.search).get("stop") || "");
  });
  document.addEventListener("takt:frame", () => {
    if (!sheet) return;
    board.querySelectorAll(".stop-row:not([tabindex])").forEach((row) => {
      row.tabIndex = 0;
      row.setAttribute("role", "button");
    });
    mark();
    if (!shown) return;
    const now = stampOf(rowOf(shown));
    if (now !== stamp) { stamp = now; load(); }
  });
})();
