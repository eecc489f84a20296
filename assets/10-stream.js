/* The stream: subscribes to the board on the page, hands its frames on, says when there are none.

   Fires `takt:frame` (detail: the envelope of dashboards/envelope.py) and `takt:board` (another board
   is shown) on document; touches no live node itself. Server-sent events; polling while they don't
   come through; closed while the page is hidden. Grey and a banner after 5 s without a frame. Loads
   the page anew, once the server answers, after 90 s of silence, on a new build, and on a wall once a
   night. */
(function () {
  "use strict";

  const CHECK_MS = 500, POLL_MS = 2000, SILENCE_MS = 90_000, SETTLE_MS = 1000;
  const NIGHT_HOUR = 3, NIGHT_JITTER_MS = 40 * 60_000;

  let board = null, signature = "", source = null, build = "";
  let seq = 0, staleAfter = 5000, lastFrame = null;
  let frameAt = Date.now(), heardAt = Date.now(), polledAt = 0, polling = false, reloading = false;
  let banner = null, why = "";

  function address(tail) {
    const { board: key, lang, query } = board.dataset;
    return `/live/${key}${tail}?lang=${lang}${query ? "&" + query : ""}`;
  }

  function accept(frame) {
    if (frame.seq <= seq && frame.board === lastFrame?.board) {
      heard(frame.age_s, frame.why);
      return;
    }
    seq = frame.seq;
    lastFrame = frame;
    staleAfter = 1000 * frame.stale_after_s;
    heard(frame.age_s || 0, frame.why);
    document.dispatchEvent(new CustomEvent("takt:frame", { detail: frame }));
    if (build && frame.build !== build) reload(5000 * Math.random());
    build = build || frame.build;
    judge();
  }

  function heard(age, said) {
    heardAt = Date.now();
    why = said || "";
    if (age !== undefined && age >= 0) frameAt = Date.now() - 1000 * age;
  }

  function open() {
    close();
    if (!board || document.hidden) return;
    source = new EventSource(address("/sse"));
    source.addEventListener("live", (event) => accept(JSON.parse(event.data)));
    source.addEventListener("beat", (event) => {
      const beat = JSON.parse(event.data);
      heard(beat.age_s, beat.why);
    });
    source.addEventListener("over", () => { close(); poll(); });
    source.onerror = () => { if (source && source.readyState === EventSource.CLOSED) { close(); poll(); } };
  }

  function close() {
    if (source) source.close();
    source = null;
  }

  async function poll() {
    if (polling || !board) return;
    polling = true;
    polledAt = Date.now();
    const asked = signature;
    try {
      const answer = await fetch(address(""), { cache: "no-store", signal: AbortSignal.timeout(8000) });
      if (answer.status === 401) { window.location.reload(); return; }
      const said = answer.ok || answer.status === 503 ? await answer.json() : {};
      if (asked !== signature) return;
      if (!answer.ok) { why = said.why || ""; return; }
      accept(said);
      if (!source) open();
    } catch {
      why = "";  /* away: the banner says since when, and the next check asks again */
    } finally {
      polling = false;
    }
  }

  async function reload(after) {
    if (reloading) return;
    reloading = true;
    await new Promise((done) => window.setTimeout(done, after));
    try {
      const answer = await fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (answer.ok) { window.location.reload(); return; }
    } catch {
      /* not there yet; asked again at the next check */
    }
    reloading = false;
  }

  function judge() {
    const stale = board !== null && Date.now() - frameAt > staleAfter;
    document.documentElement.toggleAttribute("data-stale", stale);
    if (!stale) { if (banner) banner.remove(); banner = null; return; }
    if (!banner) {
      banner = document.createElement("div");
      banner.className = "stale-banner";
      banner.setAttribute("role", "alert");
      banner.innerHTML = '<span class="icon" data-icon="unplug"></span><span></span>';
      document.body.append(banner);
    }
    const since = lastFrame ? lastFrame.words.no_data_since.replace("{time}", lastFrame.time)
      : new Date(frameAt).toTimeString().slice(0, 8);
    const text = why ? `${since} · ${why}` : since;
    if (banner.lastChild.textContent !== text) banner.lastChild.textContent = text;
  }

  function check() {
    if (document.hidden) return;
    judge();
    const now = Date.now();
    if (!board) return;
    if ((!source || now - heardAt > staleAfter) && now - polledAt > POLL_MS) poll();
    if (now - heardAt > SILENCE_MS) reload(0);
  }

  function look() {
    const found = document.getElementById("board");
    const next = found ? [found.dataset.board, found.dataset.lang, found.dataset.query].join("|") : "";
    if (found === board && next === signature) return;
    board = found;
    signature = next;
    seq = 0;
    why = "";
    frameAt = heardAt = Date.now();
    document.dispatchEvent(new CustomEvent("takt:board", { detail: board }));
    open();
  }

  function tonight() {
    const at = new Date();
    at.setHours(NIGHT_HOUR, 0, 0, 0);
    if (at <= Date.now() + 3_600_000) at.setDate(at.getDate() + 1);
    return at - Date.now() + NIGHT_JITTER_MS * Math.random();
  }

  function nightly() {
    if (document.documentElement.hasAttribute("data-kiosk")) reload(0);
    window.setTimeout(nightly, tonight());
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { close(); return; }
    frameAt = Math.max(frameAt, Date.now() - staleAfter + SETTLE_MS);
    heardAt = Date.now();
    open();
  });
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
  window.setInterval(check, CHECK_MS);
  window.setTimeout(nightly, tonight());
  look();
})();
