// Elements and words. Everything that comes from telemetry becomes text nodes: nothing of it is ever read as HTML.

const report = JSON.parse(document.getElementById("report").textContent);

function element(tag, properties, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name.startsWith("--") || name === "left" || name === "width") made.style.setProperty(name, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const number = (count) => count.toLocaleString("en-US");
const plural = (count, one, several) => `${number(count)} ${count === 1 ? one : several}`;
const findings = (count) => plural(count, "finding", "findings");

const UNITS = [[86400e9 * 365.25, "years"], [86400e9, "d"], [3600e9, "h"], [60e9, "min"], [1e9, "s"], [1e6, "ms"], [1e3, "us"], [1, "ns"]];

function duration(ns) {
  if (ns === 0) return "0";
  const [size, unit] = UNITS.find(([each]) => Math.abs(ns) >= each) || UNITS[UNITS.length - 1];
  const amount = ns / size;
  return `${Math.abs(amount) < 999.5 ? Number(amount.toPrecision(3)) : Math.round(amount)} ${unit}`.replace("-", "−");
}

// Times after the beginning of the trace: exact ones for words, which may be strings where they are beyond what numbers
// hold exactly, and numbers for drawing.
for (const trace of report.traces) {
  for (const span of trace.spans) {
    [span.startNs, span.endNs] = [BigInt(span.start), BigInt(span.end)];
    [span.start, span.end] = [Number(span.start), Number(span.end)];
  }
}

function moment(originNs, afterNs) {
  const ns = BigInt(originNs) + afterNs;
  const fraction = (ns % 1000000000n).toString().padStart(9, "0");
  const seconds = new Date(Number(ns / 1000000000n) * 1000);
  return Number.isNaN(seconds.getTime()) ? `${ns} ns` : seconds.toISOString().replace(/\.\d+Z$/, `.${fraction}Z`);
}

// What a message quotes between backquotes becomes code.
const quoted = (text) => text.split(/`([^`]*)`/).map((part, at) => (at % 2 ? element("code", {}, part) : part)).filter((part) => part !== "");

// Services keep their colour throughout the page. The golden angle keeps neighbours apart; red is left to mistakes.
const services = [...new Set(report.traces.flatMap((trace) => trace.spans.map((span) => span.service)))];
function colour(service) {
  const hue = 40 + Math.round((172 + 137.508 * Math.max(0, services.indexOf(service))) % 290);
  return `hsl(${hue} var(--bar-saturation) var(--bar-lightness))`;
}
