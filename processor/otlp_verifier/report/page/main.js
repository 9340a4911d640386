// Puts the page together; theme and keys.

const root = document.documentElement;
const isDark = () => root.dataset.theme === "dark";
const remembered = (() => { try { return localStorage.getItem("otlp-verifier-theme"); } catch { return null; } })();
const system = matchMedia("(prefers-color-scheme: dark)");
root.dataset.theme = remembered || (system.matches ? "dark" : "light");
system.addEventListener("change", () => { if (!remembered) root.dataset.theme = system.matches ? "dark" : "light"; });

function switchTheme() {
  root.dataset.theme = isDark() ? "light" : "dark";
  // Pages opened from files may have no storage: the theme then lasts as long as the page.
  try { localStorage.setItem("otlp-verifier-theme", root.dataset.theme); } catch { return; }
}

const KEYS = [
  ["/", "filter"], ["j  k", "next, previous finding"], ["Enter", "show its trace, or a span's facts"],
  ["↑ ↓ ← →", "walk through a trace, fold and unfold"], ["z  0", "zoom to the span, see the whole trace"],
  ["Esc", "leave the filter"], ["t", "dark or light"], ["?", "this list"],
];
const help = element("dialog", { "aria-label": "keys" }, element("b", {}, "Keys"),
  element("dl", {}, KEYS.map(([key, what]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, what)])),
  element("form", { method: "dialog" }, element("button", {}, "close")));

function walk(step) {
  for (const card of list.querySelectorAll("details")) card.open = true;
  const stops = [...list.querySelectorAll(".kind .open:not(:disabled)")];
  if (!stops.length) return;
  const at = stops.indexOf(document.activeElement);
  const next = stops[at < 0 ? 0 : Math.min(stops.length - 1, Math.max(0, at + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.tagName === "INPUT";
  if (event.key === "Escape" && isTyping) { event.target.value = ""; event.target.dispatchEvent(new Event("input")); event.target.blur(); }
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  const act = {
    "/": () => document.querySelector("input[type=search]")?.focus(), j: () => walk(1), k: () => walk(-1), t: switchTheme, "?": () => help.showModal(),
  }[event.key];
  if (act) { act(); event.preventDefault(); }
});

const { summary } = report;
const left = summary.leftOut > 0 && element("p", { class: "muted" }, `${findings(summary.leftOut)} are counted above and not listed one by one.`);
document.body.replaceChildren(
  element("header", {}, element("div", { class: "wrap" }, element("h1", {}, "Telemetry report"), element("span", { class: "muted" }, `otlp-verifier ${report.version}`),
    element("span", { class: "end" }, element("button", { onclick: () => help.showModal() }, "keys"), element("button", { onclick: switchTheme, "aria-label": "dark or light" }, "◐")))),
  element("main", { class: "wrap" }, tiles(), problems() || "", disputed() || "", matrix() || "",
    element("section", {}, element("h2", {}, "Findings"), report.kinds.length
      ? [toolbar(), list, left || ""]
      : element("div", { class: "card quiet" }, element("b", {}, "Nothing to say"), `${plural(summary.rules, "rule", "rules")} checked, no finding.`)),
    gone() || "", inputs()),
  element("footer", { class: "wrap" }, "Everything on this page is in this one file; it loads nothing. Press ", element("kbd", {}, "?"), " for keys."), help);
show();
document.title = report.kinds.length ? `${findings(summary.new)} · telemetry report` : "Telemetry report";
const wanted = list.querySelector(".kind .open:not(:disabled)");
if (wanted) wanted.click();
