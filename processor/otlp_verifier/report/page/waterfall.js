// One trace as a tree beside a time axis. Arrow keys walk it, Enter opens a span's facts, dragging zooms.

function waterfall(trace, about) {
  const rows = [];
  const folded = new Set();
  let view = [0, trace.length];
  let open = null;
  const parent = parents(trace.spans);
  const ticks = element("div", { class: "ticks", title: "drag to zoom, double-click to see all" });
  const body = element("div", { class: "fall", role: "treegrid", "aria-label": `trace ${trace.id}` },
    element("div", { class: "axis" }, element("div", {}, "span"), ticks, element("div", {}, "")));
  trace.spans.forEach((span, at) => rows.push(row(span, at)));
  body.append(...rows.map((each) => each.line));
  const missing = trace.total - trace.spans.length;
  if (missing > 0) body.append(element("div", { class: "cut" }, `${plural(missing, "more span is", "more spans are")} not shown`));
  body.addEventListener("keydown", keys);
  zoomable();
  draw();
  select(about === null ? 0 : about, false);

  function row(span, at) {
    const depth = Math.min(span.depth, 12);
    const hasChildren = at + 1 < trace.spans.length && trace.spans[at + 1].depth > span.depth;
    const track = element("div", { class: "track", role: "gridcell" });
    const line = element("div", {
      class: `span${span.rules.length ? " bad" : ""}${at === about ? " about" : ""}`, role: "row", tabindex: "-1",
      "--service": colour(span.service), "aria-level": span.depth + 1, "aria-expanded": hasChildren ? "true" : null,
      onclick: (event) => { select(at, false); if (event.target.tagName === "I") fold(at); else facts(at); },
    },
      element("div", { class: "name", role: "gridcell", "--depth": depth, title: `${span.service}: ${span.name}` },
        element("i", {}, hasChildren ? "›" : ""), element("span", { class: "chip" }),
        span.rules.length > 0 && element("span", { class: "flag", title: span.rules.join(", ") }, "✗"),
        element("em", {}, span.name), element("span", { class: "muted" }, span.service)),
      track, element("div", { class: "took", role: "gridcell" }, took(span)));
    return { line, track, span, at };
  }

  function draw() {
    const [from, to] = view;
    const at = (ns) => `${((ns - from) / (to - from)) * 100}%`;
    ticks.replaceChildren(...[0, 1, 2, 3, 4].map((n) => element("span", { left: `${n * 20}%` }, duration(from + ((to - from) * n) / 5))));
    for (const { span, track } of rows) {
      const low = Math.min(span.start, span.end), high = Math.max(span.start, span.end);
      track.replaceChildren();
      if (high < 0 || low > trace.length) {
        const isNever = BigInt(trace.origin) + span.startNs === 0n && BigInt(trace.origin) + span.endNs === 0n;
        const side = isNever ? "◂ no time" : high < 0 ? `◂ ${duration(-high)} before` : `${duration(low - trace.length)} after ▸`;
        track.append(element("s", { class: "far", left: high < 0 ? "6px" : "70%" }, side));
        continue;
      }
      const left = Math.max(low, from), right = Math.min(high, to);
      if (right >= left) track.append(element("s", { class: span.end < span.start ? "backwards" : "", left: at(left), width: `${((right - left) / (to - from)) * 100}%` }));
      for (const [ns, name] of span.events) {
        if (ns >= from && ns <= to) track.append(element("u", { left: at(ns), title: `${name} at ${duration(ns)}` }));
      }
    }
  }

  function zoomable() {
    let began = null;
    const share = (event) => { const box = ticks.getBoundingClientRect(); return (event.clientX - box.left) / box.width; };
    body.addEventListener("pointerdown", (event) => { began = event.target.closest(".track, .ticks") ? share(event) : null; });
    body.addEventListener("pointerup", (event) => {
      if (began === null) return;
      const [a, b] = [began, share(event)].sort((x, y) => x - y);
      began = null;
      if (b - a > 0.02) zoom(view[0] + a * (view[1] - view[0]), view[0] + b * (view[1] - view[0]));
    });
    body.addEventListener("dblclick", () => zoom(0, trace.length));
  }

  function zoom(from, to) {
    view = [Math.max(0, from), Math.min(trace.length, Math.max(to, from + trace.length / 1e6))];
    draw();
  }

  function fold(at, to) {
    const shut = to === undefined ? !folded.has(at) : to;
    if (shut) folded.add(at); else folded.delete(at);
    rows[at].line.setAttribute("aria-expanded", String(!shut));
    rows.forEach(({ line }, n) => { line.hidden = hidden(n); });
    if (open !== null && hidden(open.at)) facts(open.at);
  }

  function hidden(at) {
    for (let up = parent[at]; up >= 0; up = parent[up]) if (folded.has(up)) return true;
    return false;
  }

  function select(at, hasFocus) {
    for (const { line } of rows) { line.tabIndex = -1; line.removeAttribute("aria-selected"); }
    rows[at].line.tabIndex = 0;
    rows[at].line.setAttribute("aria-selected", "true");
    if (hasFocus) { rows[at].line.scrollIntoView({ block: "nearest" }); rows[at].line.focus({ preventScroll: true }); }
  }

  function facts(at) {
    const was = open && open.at;
    if (open) open.panel.remove();
    open = null;
    if (was === at) return;
    open = { at, panel: spanFacts(trace, rows[at].span) };
    rows[at].line.after(open.panel);
  }

  function keys(event) {
    const at = rows.findIndex(({ line }) => line === document.activeElement);
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = (step) => { let n = at + step; while (rows[n] && rows[n].line.hidden) n += step; return rows[n] ? n : at; };
    const has = rows[at].line.hasAttribute("aria-expanded");
    const act = {
      ArrowDown: () => select(next(1), true), ArrowUp: () => select(next(-1), true),
      ArrowLeft: () => (has && !folded.has(at) ? fold(at, true) : parent[at] >= 0 && select(parent[at], true)),
      ArrowRight: () => (has && folded.has(at) ? fold(at, false) : select(next(1), true)),
      Home: () => select(0, true), End: () => select(rows.length - 1, true),
      Enter: () => facts(at), " ": () => facts(at),
      z: () => { const { start, end } = rows[at].span; const room = Math.abs(end - start) * 0.5; zoom(Math.min(start, end) - room, Math.max(start, end) + room); },
      0: () => zoom(0, trace.length),
    }[event.key];
    if (act) { act(); event.preventDefault(); event.stopPropagation(); }
  }
  return body;
}

function parents(spans) {
  const latest = [];
  return spans.map(({ depth }, at) => { latest[depth] = at; return depth > 0 ? latest[depth - 1] ?? -1 : -1; });
}

function took(span) {
  return span.lacks ? `no ${span.lacks}` : duration(Number(span.endNs - span.startNs));
}

function spanFacts(trace, span) {
  const list = (pairs) => element("dl", {}, pairs.map(([key, value]) => [element("dt", {}, key), element("dd", { class: "mono" }, value)]));
  const lost = span.parent && !trace.spans.some(({ id }) => id === span.parent);
  return element("div", { class: "facts", role: "row" },
    element("div", {}, element("h4", {}, "Span"), list([
      ["name", span.name], ["service", span.service || "none"], ["kind", span.kind],
      ["status", span.status + (span.statusMessage ? `: ${span.statusMessage}` : "")],
      ["span id", span.id || "none"],
      ["parent", lost ? element("span", { class: "wrong" }, `${span.parent}, not in this trace`) : span.parent || "none: a root"],
      ["start", span.lacks === "start" ? "none" : moment(trace.origin, span.startNs)],
      ["end", span.lacks === "end" ? "none" : moment(trace.origin, span.endNs)], ["took", took(span)], ["in", span.source]])),
    element("div", {},
      span.rules.length > 0 && [element("h4", {}, "Breaks"), element("p", { class: "wrong mono" }, span.rules.join(", "))],
      element("h4", {}, "Attributes"), span.attributes.length ? list(span.attributes) : element("p", { class: "muted" }, "none"),
      span.events.length > 0 && [element("h4", {}, "Events"), list(span.events.map(([ns, name]) => [duration(Number(ns) - span.start), name]))]));
}
