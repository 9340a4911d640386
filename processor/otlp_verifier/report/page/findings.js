// Findings by rule or by service, filtered, each kind with its trace.

const chosen = { text: "", severities: new Set(["error", "warning", "information"]), by: "rule", service: null, rule: null, known: false };
const list = element("div");

function matches(kind) {
  const rule = report.rules[kind.rule];
  if (!chosen.severities.has(rule.severity) || (kind.known && !chosen.known)) return false;
  if (chosen.service !== null && kind.service !== chosen.service) return false;
  if (chosen.rule !== null && kind.rule !== chosen.rule) return false;
  const words = chosen.text.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const text = [rule.id, rule.description, kind.service, ...kind.examples.flatMap((each) => [each.message, each.at, each.trace, each.span])].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function show() {
  const kinds = report.kinds.filter(matches);
  const groups = new Map();
  for (const kind of kinds) {
    const key = chosen.by === "rule" ? kind.rule : kind.service;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(kind);
  }
  const isFew = groups.size <= 3 || chosen.text || chosen.service !== null || chosen.rule !== null;
  list.replaceChildren(...[...groups].map(([key, own], at) => (chosen.by === "rule" ? ruleCard(report.rules[key], own, isFew || at === 0) : serviceCard(key, own, isFew || at === 0))));
  if (!groups.size && report.kinds.length) list.append(element("div", { class: "card quiet" }, element("p", { class: "muted" }, "Nothing matches the filter.")));
  for (const button of document.querySelectorAll(".matrix td button")) {
    button.setAttribute("aria-pressed", String(chosen.service === button.dataset.service && chosen.rule === Number(button.dataset.rule)));
  }
}

const total = (kinds) => kinds.reduce((sum, kind) => sum + kind.count, 0);

function ruleCard(rule, kinds, isOpen) {
  const byService = grouped(kinds);
  return element("details", { class: `rule card ${rule.severity}`, open: isOpen },
    element("summary", {},
      element("span", { class: "badge" }, rule.severity),
      element("div", { class: "what" }, element("b", { class: "mono" }, rule.id), element("p", {}, rule.description)),
      element("span", { class: "count" }, findings(Math.max(total(kinds), isFiltered() ? 0 : rule.new)))),
    rule.remedy && element("p", { class: "remedy" }, element("b", {}, "What to do: "), quoted(rule.remedy),
      rule.sources.map(([section, link]) => [" · ", source(section, link)])),
    [...byService].map(([service, own]) => element("div", { class: "group" },
      element("h3", {}, element("span", { class: "chip", "--service": colour(service) }), service || "no service", element("span", { class: "muted" }, findings(total(own)))),
      own.map((kind) => kindRow(kind)))));
}

function serviceCard(service, kinds, isOpen) {
  const worst = report.rules[kinds[0].rule].severity;
  return element("details", { class: `rule card ${worst}`, open: isOpen },
    element("summary", {}, element("span", { class: "chip", "--service": colour(service) }),
      element("div", { class: "what" }, element("b", {}, service || "no service")), element("span", { class: "count" }, findings(total(kinds)))),
    [...grouped(kinds, (kind) => kind.rule)].map(([number_, own]) => {
      const rule = report.rules[number_];
      return element("div", { class: `group ${rule.severity}` },
        element("h3", {}, element("span", { class: "badge" }, rule.severity), element("span", { class: "mono" }, rule.id), element("span", { class: "muted" }, rule.description)),
        own.map((kind) => kindRow(kind)));
    }));
}

function grouped(kinds, key = (kind) => kind.service) {
  const groups = new Map();
  for (const kind of kinds) groups.set(key(kind), [...(groups.get(key(kind)) || []), kind]);
  return groups;
}

const isFiltered = () => chosen.text || chosen.service !== null || chosen.rule !== null || chosen.severities.size < 3;

function source(section, link) {
  // Only the web's own schemes: a rule file could name anything.
  return /^https?:\/\//.test(link) ? element("a", { href: link, rel: "noreferrer noopener", target: "_blank" }, section) : section;
}

function kindRow(kind) {
  let at = 0;
  const message = element("span", { class: "message" });
  const why = element("span", { class: "why" });
  const where = element("span", { class: "where mono" });
  const place = element("span");
  const open = element("button", { class: "open", "aria-expanded": "false", onclick: toggle }, message, why, where);
  const more = kind.examples.length > 1 && element("span", { class: "pager" },
    element("button", { "aria-label": "previous like this", onclick: () => step(-1) }, "‹"), place,
    element("button", { "aria-label": "next like this", onclick: () => step(1) }, "›"));
  const row = element("div", { class: `kind${kind.known ? " known" : ""}` }, element("div", { class: "row" }, open, more || (kind.count > 1 && element("span", { class: "pager" }, findings(kind.count)))));
  let panel = null;
  fill();

  function fill() {
    const one = kind.examples[at];
    message.replaceChildren(...quoted(one.message));
    why.replaceChildren(...one.why.map(([heading, text]) => element("span", {}, element("b", {}, heading), " ", quoted(text))));
    where.textContent = [one.at, one.trace && `trace ${one.trace}`, kind.known && "known"].filter(Boolean).join("  ·  ");
    place.textContent = `${at + 1} of ${number(kind.count)}`;
    open.disabled = one.number === null;
    open.title = open.disabled ? (one.trace ? "This trace is not kept in the report." : "A resource or scope: no trace to show.") : "show the trace";
  }
  function step(by) {
    at = (at + by + kind.examples.length) % kind.examples.length;
    const wasOpen = panel !== null;
    if (wasOpen) toggle();
    fill();
    if (wasOpen && !open.disabled) toggle();
  }
  function toggle() {
    const one = kind.examples[at];
    if (panel) { panel.remove(); panel = null; } else if (one.number !== null) row.append((panel = tracePanel(one)));
    open.setAttribute("aria-expanded", String(panel !== null));
  }
  return row;
}

function tracePanel(one) {
  const trace = report.traces[one.number];
  const own = [...new Set(trace.spans.map((span) => span.service))];
  return element("div", { class: "trace" },
    element("div", { class: "caption" },
      element("span", {}, plural(trace.total, "span", "spans")), element("span", {}, duration(trace.length)),
      element("span", {}, moment(trace.origin, 0n)),
      trace.rules.length > 0 && element("span", { class: "wrong mono" }, `✗ ${trace.rules.join(", ")}`),
      element("span", { class: "legend" }, own.map((service) => element("span", {}, element("span", { class: "chip", "--service": colour(service) }), service || "no service")))),
    waterfall(trace, one.about));
}
