/* The live nodes and the live charts: this script alone changes them, from the frames of the stream.

   A node takes text, unit, tone, icon, width, tick, hidden, href, title, since (dashboards/parts.py).
   A chart is drawn again only when its hash changed. In figures, "$name" stands for the colour --name of
   the theme and "12u" for twelve pixels of a 1920 px wide wall. */
(function () {
  "use strict";

  const TIMER_MS = 250, FETCH_MS = 2000;
  const CONFIG = { staticPlot: true, displayModeBar: false, responsive: false };

  let board = null, nodes = new Map(), shown = new Map(), timers = new Map();
  let frame = null, receivedAt = 0;
  let charts = new Map(), figures = {}, drawn = new Map(), fetchedAt = 0, fetching = false, fetchLater = 0;

  const setters = {
    tone(node, value) { node.dataset.tone = value; },
    icon(node, value) { node.dataset.icon = value; },
    width(node, value) { node.style.width = value + "%"; },
    tick(node, value) { node.style.left = value + "%"; },
    hidden(node, value) { node.hidden = value; },
    href(node, value) { (node.closest("a") || node).setAttribute("href", value); },
    title(node, value) { node.title = value; },
  };

  /* Lists are laid out with one row; the others are copies of it, made while it is still empty. */
  function grow() {
    for (const list of board.querySelectorAll("[data-slots]:not([data-grown])")) {
      const first = list.firstElementChild, id = first.dataset.live, prefix = id.slice(0, -1);
      for (let n = 1; n < Number(list.dataset.slots); n += 1) {
        const row = first.cloneNode(true);
        for (const node of [row, ...row.querySelectorAll("[data-live]")]) {
          node.dataset.live = prefix + n + node.dataset.live.slice(id.length);
        }
        list.append(row);
      }
      list.toggleAttribute("data-grown", true);
    }
  }

  function find(id) {
    let node = nodes.get(id);
    if (!node || !node.isConnected) {
      node = board.querySelector(`[data-live="${CSS.escape(id)}"]`);
      nodes.set(id, node);
      shown.delete(id);
    }
    return node;
  }

  function say(node, text, unit) {
    if (!unit) {
      if (node.textContent !== text || node.childElementCount) node.textContent = text;
      return;
    }
    const small = node.lastElementChild;
    if (small && node.firstChild.nodeType === Node.TEXT_NODE) {
      if (node.firstChild.data !== text) node.firstChild.data = text;
      if (small.textContent !== unit) small.textContent = unit;
      return;
    }
    const fresh = document.createElement("small");
    fresh.className = "unit";
    fresh.textContent = unit;
    node.replaceChildren(document.createTextNode(text), fresh);
  }

  function apply(id, now) {
    const node = find(id);
    if (!node) return;
    const before = shown.get(id) || {};
    for (const name in now) {
      if (now[name] !== before[name] && setters[name]) setters[name](node, now[name]);
    }
    if (now.since === undefined || now.since === null) {
      timers.delete(id);
      if (now.text !== undefined) say(node, String(now.text), now.unit || "");
    } else {
      timers.set(id, now.since);
    }
    shown.set(id, now);
  }

  /* The same words as dashboards/format.py: 7:20, 13 min, 2.5 h, 5 d. */
  function duration(seconds) {
    const whole = Math.max(0, Math.floor(seconds)), words = frame.words;
    if (whole < 600) return [`${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`, ""];
    if (whole < 6000) return [String(Math.floor(whole / 60)), words.min];
    if (whole < 360000) return [(whole / 3600).toFixed(1), words.h];
    return [String(Math.floor(whole / 86400)), words.d];
  }

  function count() {
    if (!frame || document.documentElement.hasAttribute("data-stale")) return;
    const now = frame.at + (performance.now() - receivedAt) * frame.speed;
    for (const [id, since] of timers) {
      const node = find(id);
      if (node) say(node, ...duration((now - since) / 1000));
    }
  }

  /* ── charts ── */

  function look(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function themed(value, unit) {
    if (Array.isArray(value)) return value.map((one) => themed(one, unit));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, themed(v, unit)]));
    }
    if (typeof value !== "string") return value;
    if (value[0] === "$") return look("--" + value.slice(1));
    return /^-?\d+(\.\d+)?u$/.test(value) ? parseFloat(value) * unit : value;
  }

  async function draw(id) {
    const node = board.querySelector(`[data-chart="${CSS.escape(id)}"]`), figure = figures[id];
    if (!node || !figure || !node.clientWidth) return;
    const unit = (parseFloat(look("--u")) || 1) * (window.innerWidth > 1000 ? 1 : 0.78);
    const { data, layout } = themed(figure, unit);
    charts.set(id, node);
    await window.Plotly.react(node, data,
      { ...layout, width: node.clientWidth, height: node.clientHeight }, CONFIG);
  }

  function redraw() {
    if (board) Object.keys(figures).forEach(draw);
  }

  async function fetchFigures() {
    const wait = fetchedAt + FETCH_MS - Date.now();
    if (fetching || fetchLater) return;
    if (wait > 0) {
      fetchLater = window.setTimeout(() => { fetchLater = 0; fetchFigures(); }, wait);
      return;
    }
    fetching = true;
    fetchedAt = Date.now();
    const asked = board, { board: key, lang, query } = board.dataset;
    try {
      const answer = await fetch(`/live/${key}/full?lang=${lang}${query ? "&" + query : ""}`, { cache: "no-store" });
      if (!answer.ok || asked !== board) return;
      const full = await answer.json();
      await document.fonts.ready;
      for (const id in full.figures) {
        if (drawn.get(id) === full.charts[id] || asked !== board) continue;
        figures[id] = full.figures[id];
        drawn.set(id, full.charts[id]);
        await draw(id);
      }
    } catch {
      /* the server is away: the stream says so, and the next frame asks again */
    } finally {
      fetching = false;
    }
  }

  document.addEventListener("takt:board", (event) => {
    charts.forEach((node) => window.Plotly.purge(node));
    board = event.detail;
    frame = null;
    nodes = new Map(); shown = new Map(); timers = new Map();
    charts = new Map(); figures = {}; drawn = new Map(); fetchedAt = 0;
  });

  document.addEventListener("takt:frame", (event) => {
    if (!board) return;
    frame = event.detail;
    receivedAt = performance.now() - 1000 * (frame.age_s || 0);
    grow();
    for (const id in frame.nodes) apply(id, frame.nodes[id]);
    count();
    for (const id in frame.charts) {
      if (drawn.get(id) !== frame.charts[id]) { fetchFigures(); break; }
    }
  });

  let resized = 0;
  window.addEventListener("resize", () => {
    window.clearTimeout(resized);
    resized = window.setTimeout(redraw, 150);
  });
  new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  document.fonts.addEventListener("loadingdone", redraw);
  window.setInterval(count, TIMER_MS);
})();
