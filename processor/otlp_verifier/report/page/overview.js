// What is at the top and at the end of the page.

function tiles() {
  const { summary } = report;
  const tile = (count, label, tone) => element("div", { class: `card tile ${tone || ""}` }, element("b", {}, number(count)), element("span", { class: "muted" }, label));
  const severities = Object.entries(summary.severities).filter(([, count]) => count)
    .map(([name, count]) => tile(count, { error: count === 1 ? "error" : "errors", warning: count === 1 ? "warning" : "warnings", information: "informational" }[name], name));
  return element("div", { class: "tiles" },
    severities.length ? severities : tile(0, summary.compared ? "new findings" : "findings", "good"),
    summary.compared && [tile(summary.known, "known"), tile(report.gone.length, "kinds gone", report.gone.length ? "good" : "")],
    tile(summary.spans, "spans verified"), tile(report.traces.length, "traces shown"), tile(summary.files, summary.files === 1 ? "file" : "files"),
    summary.unreadable > 0 && tile(summary.unreadable, "unreadable", "error"));
}

function problems() {
  if (!report.errors.length) return null;
  const rest = report.summary.unreadable - report.errors.length;
  return element("section", {}, element("div", { class: "card problems" },
    element("b", {}, "Not everything could be read. What is missing was not checked."),
    element("ul", {}, report.errors.map((text) => element("li", { class: "mono" }, text)), rest > 0 && element("li", {}, `and ${number(rest)} more`))));
}

function disputed() {
  const text = report.summary.disputed;
  return text && element("section", {}, element("div", { class: "card problems" }, element("b", {}, text)));
}

function matrix() {
  const counts = new Map();
  for (const { service, count, known } of report.kinds) if (!known) counts.set(service, (counts.get(service) || 0) + count);
  const own = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a) || a.localeCompare(b));
  const broken = report.rules.map((rule, at) => [rule, at]).filter(([rule]) => rule.new);
  if (own.length * broken.length < 2) return null;
  const sum = (rule, service) => total(report.kinds.filter((kind) => kind.rule === rule && kind.service === service && !kind.known));
  const most = Math.max(...broken.flatMap(([, at]) => own.map((service) => sum(at, service))));
  const cell = (rule, at, service) => {
    const count = sum(at, service);
    if (!count) return element("td", { class: "muted" }, "");
    const heat = `${12 + Math.round(48 * (Math.log1p(count) / Math.log1p(most)))}%`;
    return element("td", { class: rule.severity }, element("button", {
      "--heat": heat, "data-rule": at, "data-service": service, "aria-pressed": "false", title: `${rule.id} in ${service || "no service"}`,
      onclick: () => {
        const same = chosen.rule === at && chosen.service === service;
        Object.assign(chosen, { rule: same ? null : at, service: same ? null : service });
        show();
      },
    }, number(count)));
  };
  return element("section", {}, element("h2", {}, "Where"), element("div", { class: "card matrix" }, element("table", {},
    element("thead", {}, element("tr", {}, element("th", {}, ""), own.map((service) => element("th", { scope: "col" }, service || "no service")), element("th", { class: "rest" }, ""))),
    element("tbody", {}, broken.map(([rule, at]) => element("tr", {}, element("th", { scope: "row", class: "mono" }, rule.id), own.map((service) => cell(rule, at, service)), element("td", {}, "")))))));
}

function toolbar() {
  const search = element("input", { type: "search", placeholder: "Filter: rule, service, words, trace id   ( / )", "aria-label": "filter findings", oninput: () => { chosen.text = search.value; show(); } });
  const toggles = Object.entries(report.summary.severities).filter(([, count]) => count).map(([name]) => element("button", {
    class: `toggle ${name}`, "aria-pressed": "true", onclick: ({ currentTarget }) => {
      const on = !chosen.severities.has(name);
      if (on) chosen.severities.add(name); else chosen.severities.delete(name);
      currentTarget.setAttribute("aria-pressed", String(on));
      show();
    } }, name));
  const known = report.summary.known > 0 && element("button", { class: "toggle", "aria-pressed": "false", onclick: ({ currentTarget }) => {
    chosen.known = !chosen.known;
    currentTarget.setAttribute("aria-pressed", String(chosen.known));
    show();
  } }, `known (${number(report.summary.known)})`);
  const by = ["rule", "service"].map((name) => element("button", { class: "toggle", "aria-pressed": String(name === chosen.by), onclick: () => {
    chosen.by = name;
    by.forEach((button) => button.setAttribute("aria-pressed", String(button.textContent === `by ${name}`)));
    show();
  } }, `by ${name}`));
  return element("div", { class: "bar" }, search, toggles, known, element("span", { class: "segment" }, by));
}

function inputs() {
  const columns = ["input", "format", "spans", "not checked"];
  return element("section", { class: "inputs" }, element("h2", {}, "Inputs"), element("div", { class: "card" }, element("table", {},
    element("thead", {}, element("tr", {}, columns.map((name, at) => element("th", { class: at > 1 ? "number" : "" }, name)))),
    element("tbody", {}, report.inputs.map((file) => element("tr", {},
      element("td", { class: "mono" }, file.name), element("td", {}, [file.format, file.compression].filter(Boolean).join(", ")),
      element("td", { class: "number" }, number(file.spans)),
      element("td", { class: "number" }, [file.metrics && plural(file.metrics, "metric", "metrics"), file.logs && plural(file.logs, "log", "logs")].filter(Boolean).join(", "))))))),
    report.inputsLeftOut > 0 && element("p", { class: "muted" }, `and ${plural(report.inputsLeftOut, "more file", "more files")}`),
    report.notices.length > 0 && element("div", { class: "notices muted" }, element("ul", {}, report.notices.map((text) => element("li", {}, text)))));
}

function gone() {
  if (!report.gone.length) return null;
  return element("section", {}, element("h2", {}, `Gone since ${report.summary.compared}`), element("div", { class: "card group" },
    report.gone.map(({ rule, service, message }) => element("p", {}, element("span", { class: "mono" }, rule), " ", element("span", { class: "muted" }, service), " ", quoted(message)))));
}
