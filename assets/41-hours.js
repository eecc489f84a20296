/* Writing and signing on the hour-by-hour board: the form, its drafts, its answers. It reads live
   nodes and never changes one; frames never touch the form, so nothing typed is lost to them. A draft
   stays in the tab's own storage until it is saved or dropped: it outlives a page that loads anew. */
(function () {
  "use strict";

  const DRAFT = "taktboard-hour-draft";
  let open = null;  /* { scope, t0, base, key, row } of the hour in the form */
  let saving = false;

  const form = () => document.querySelector("#hours-dialog form");
  const field = (name) => document.getElementById(`hours-${name}`);
  const part = (row, name) => row.querySelector(`.${name}`).textContent;
  const words = () => ({ remark: field("remark").value, measure: field("measure").value });

  function cookie(name) {
    const found = document.cookie.split("; ").find((one) => one.startsWith(name + "="));
    return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
  }

  function key() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function scope() {
    return document.querySelector(".hours-board")?.dataset.scope || "";
  }

  function remember() {
    if (open) sessionStorage.setItem(DRAFT, JSON.stringify({ ...open, ...words() }));
  }

  function draft() {
    try {
      return JSON.parse(sessionStorage.getItem(DRAFT)) || null;
    } catch {
      return null;
    }
  }

  function warn(...lines) {
    const place = form().querySelector(".hours-warning");
    place.replaceChildren(...lines.map((line) => {
      const item = document.createElement("span");
      item.textContent = line;
      return item;
    }));
    place.hidden = !lines.length;
  }

  function show(hour, said, label) {
    open = hour;
    field("remark").value = said.remark;
    field("measure").value = said.measure;
    form().querySelector(".hours-when").textContent = label;
    warn();
    const dialog = document.getElementById("hours-dialog");
    dialog.querySelector(".hours-past").open = false;
    if (!dialog.open) dialog.showModal();
    field("remark").focus();
  }

  function edit(row) {
    const hour = {
      scope: scope(), t0: part(row, "hour-t0"), base: part(row, "hour-note"), key: key(),
      label: part(row, "time .toned"),
    };
    const said = { remark: part(row, "remark"), measure: part(row, "measure") };
    const left = draft();
    const isOurs = left && left.scope === hour.scope && left.t0 === hour.t0;
    show(isOurs ? { ...hour, base: left.base, key: left.key } : hour, isOurs ? left : said, hour.label);
    if (isOurs) { warn(form().dataset.draft); overtaken(row); }
  }

  function shut() {
    sessionStorage.removeItem(DRAFT);
    open = null;
    document.getElementById("hours-dialog")?.close();
  }

  /* Someone else has written about the hour in the form: said at once, and again when saving. */
  function overtaken(row) {
    const id = part(row, "hour-note");
    if (!open || saving || !id || id === open.base) return;
    const [actor, time] = (part(row, "words .by") || part(row, "seal .by")).split(" · ");
    conflict({ actor, time: time || "", remark: part(row, "remark"), measure: part(row, "measure"), id });
  }

  function conflict(newest) {
    const { sent, kept } = form().dataset;
    warn(sent.replace("{actor}", newest.actor).replace("{time}", newest.time),
      [newest.remark, newest.measure].filter(Boolean).join(" → ") || "–", kept);
    open.base = String(newest.id);
    open.key = key();
    remember();
  }

  async function post(path, hour, said) {
    const language = document.getElementById("board").dataset.lang;
    return fetch(`/hours/${path}?lang=${language}`, {
      method: "POST",
      headers: { "X-CSRFToken": cookie("_csrf_token") },
      body: new URLSearchParams({ scope: hour.scope, t0: hour.t0, base: hour.base, key: hour.key, ...said }),
      signal: AbortSignal.timeout(15_000),
    });
  }

  async function save() {
    if (!open || saving) return;
    saving = true;
    const button = form().querySelector(".hours-save"), said = form().dataset;
    button.disabled = true;
    try {
      const answer = await post("note", open, words());
      if (answer.ok) shut();
      else if (answer.status === 409) conflict((await answer.json()).newest);
      else if (answer.status === 422) warn((await answer.json()).message);
      else if (answer.status === 401) { remember(); window.location.reload(); }
      else warn(answer.status === 403 ? said.refused : said.unsent);
    } catch {
      warn(said.unsent);
    } finally {
      saving = false;
      button.disabled = false;
    }
  }

  async function sign(button) {
    const row = button.closest(".hour-row");
    button.disabled = true;
    button.classList.remove("failed");
    try {
      const hour = { scope: scope(), t0: part(row, "hour-t0"), base: part(row, "hour-note"), key: key() };
      const answer = await post("sign", hour, {});
      if (answer.status === 401) window.location.reload();
      if (!answer.ok) {
        const why = answer.status === 422 ? (await answer.json()).message : "";
        button.title = why;
        throw new Error(String(answer.status));
      }
    } catch {
      button.classList.add("failed");
    } finally {
      button.disabled = false;
    }
  }

  async function versions() {
    const list = form().querySelector(".hours-versions");
    const language = document.getElementById("board").dataset.lang;
    const query = new URLSearchParams({ scope: open.scope, t0: open.t0, lang: language });
    const answer = await fetch(`/hours/versions?${query}`, { cache: "no-store" });
    if (!answer.ok || !open) return;
    const found = (await answer.json()).versions;
    list.replaceChildren(...found.map((one) => {
      const item = document.createElement("li"), head = document.createElement("b");
      head.textContent = `${one.time} · ${one.actor}${one.signed ? " · " + form().dataset.signed : ""}`;
      item.append(head, document.createTextNode([one.remark, one.measure].filter(Boolean).join(" → ")));
      return item;
    }));
    if (!found.length) list.textContent = "–";
  }

  document.addEventListener("click", (event) => {
    const write = event.target.closest(".hour-write"), seal = event.target.closest(".hour-sign");
    if (write) edit(write.closest(".hour-row"));
    if (seal) sign(seal);
    if (event.target.closest(".hours-cancel")) shut();
    if (event.target.closest(".hours-print")) window.print();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches(".hours-form")) { event.preventDefault(); save(); }
  });
  document.addEventListener("input", (event) => {
    if (event.target.closest(".hours-form")) remember();
  });
  document.addEventListener("toggle", (event) => {
    if (event.target.matches(".hours-past") && event.target.open && open) versions();
  }, true);
  document.addEventListener("cancel", (event) => {
    if (event.target.id === "hours-dialog") { event.preventDefault(); shut(); }
  }, true);
  document.addEventListener("takt:board", () => { open = null; });
  document.addEventListener("takt:frame", () => {
    const dialog = document.getElementById("hours-dialog"), left = draft();
    if (!dialog || (!open && !left)) return;
    const wanted = open || left;
    const row = [...document.querySelectorAll(".hour-row")].find((one) =>
      wanted.scope === scope() && one.querySelector(".hour-t0")?.textContent === wanted.t0);
    if (!row) return;
    if (!open) edit(row);
    else overtaken(row);
  });
})();
