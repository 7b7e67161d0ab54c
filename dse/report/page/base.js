// Shared by every page: elements, quantities, scales, axes, tooltip, theme. Texts enter as text, never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const byId = (id) => document.getElementById(id);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}
const h = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const s = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

// ---- quantities, as dse.units.format_quantity writes them ----
const PREFIXES = {
  bandwidth: ["B/s", 1e3, ["", "k", "M", "G", "T", "P"]], frequency: ["Hz", 1e3, ["", "k", "M", "G", "T", "P"]],
  rate: ["op/s", 1e3, ["", "k", "M", "G", "T", "P"]], bytes: ["B", 1024, ["", "Ki", "Mi", "Gi", "Ti"]],
  traffic: ["B", 1e3, ["", "k", "M", "G", "T", "P"]], throughput: ["/s", 1e3, ["", "k", "M", "G"]],
  count: ["", 1e3, ["", "k", "M", "G", "T", "P"]],
};
const SMALL = { time: "s", energy: "J", power: "W" };
const grouped = (value) => Math.round(value).toLocaleString("en-US");
function sig(value, digits = 3) {
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(digits));
  return Math.abs(rounded) >= 10 ** digits ? grouped(rounded) : String(rounded);
}
function show(value, dimension, digits = 3) {
  if (value === null || value === undefined) return "–";
  if (dimension === "price") {
    if (Math.abs(value) >= 100) return `${grouped(value)} USD`;
    return value === 0 || Math.abs(value) >= 0.1 ? `${value.toFixed(2)} USD` : `${sig(value, 2)} USD`;
  }
  if (dimension === "area") return `${sig(value, digits)} mm²`;
  if (dimension === "share") return `${(100 * value).toFixed(value > 0 && value < 0.0995 ? 1 : 0)}%`;
  if (dimension in SMALL) {
    if (value === 0) return `0 ${SMALL[dimension]}`;
    for (const [prefix, factor] of [["", 1], ["m", 1e-3], ["µ", 1e-6], ["n", 1e-9], ["p", 1e-12]])
      if (Math.abs(Number((value / factor).toPrecision(digits))) >= 1 || prefix === "p") return `${sig(value / factor, digits)} ${prefix}${SMALL[dimension]}`;
  }
  if (!(dimension in PREFIXES)) return sig(value, digits);
  const [unit, base, prefixes] = PREFIXES[dimension];
  let step = 0;
  const rounded = (v) => (Math.abs(v) < 10 ** digits ? Number(v.toPrecision(digits)) : Math.round(v));
  while (step + 1 < prefixes.length && Math.abs(rounded(value)) >= base) { value /= base; step += 1; }
  return `${sig(value, digits)} ${prefixes[step]}${unit}`.trim();
}
// On an axis: round prices without cents.
const tickText = (value, dimension) => show(value, dimension).replace(/\.00 USD$/, " USD");
const times = (value) => `${sig(value)}×`;
const crossed = (text) => text.replace(/([\d ])x(?=\d)/g, "$1×");

// ---- scales: position of a value, and its ticks ----
function logScale(low, high, from, to) {
  if (!(high > low)) { low /= 1.5; high *= 1.5; }
  const a = Math.log10(low), b = Math.log10(high);
  const scale = (value) => from + ((Math.log10(value) - a) / (b - a)) * (to - from);
  scale.invert = (at) => 10 ** (a + ((at - from) / (to - from)) * (b - a));
  scale.domain = [low, high];
  scale.ticks = (most, binary = false) => {
    if (binary) {
      const first = Math.ceil(Math.log2(low) - 1e-9), last = Math.floor(Math.log2(high) + 1e-9);
      const step = Math.max(1, Math.ceil((last - first + 1) / most));
      return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => 2 ** (first + i * step));
    }
    for (const parts of [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 2, 5], [1, 3], [1]]) {
      const found = [];
      for (let decade = Math.floor(a); decade <= Math.ceil(b); decade += 1)
        for (const part of parts) { const v = part * 10 ** decade; if (v >= low * 0.9999 && v <= high * 1.0001) found.push(Number(v.toPrecision(6))); }
      if (found.length <= most) return found.length > 1 ? found : [low, high].map((v) => Number(v.toPrecision(3)));
    }
    const step = Math.ceil((b - a) / most), found = [];
    for (let decade = Math.ceil(a); decade <= b + 1e-9; decade += step) found.push(10 ** decade);
    return found;
  };
  return scale;
}
function linearScale(low, high, from, to) {
  if (!(high > low)) high = low + 1;
  const scale = (value) => from + ((value - low) / (high - low)) * (to - from);
  scale.domain = [low, high];
  scale.ticks = (most) => {
    const raw = (high - low) / most, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((m) => m >= raw);
    const found = [];
    for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push(Number(v.toPrecision(10)));
    return found;
  };
  return scale;
}
const extent = (values) => values.reduce(([low, high], v) => (Number.isFinite(v) ? [Math.min(low, v), Math.max(high, v)] : [low, high]), [Infinity, -Infinity]);

// ---- colour: cividis (Nunez et al. 2018), even to every common colour vision ----
const CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];
// On dark paper the ramp starts higher, on light paper it ends lower, so that both its ends stand out.
function mixed(share) {
  const at = share * (CIVIDIS.length - 1), low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const parts = [1, 3, 5].map((i) => {
    const [p, q] = [CIVIDIS[low], CIVIDIS[low + 1]].map((c) => parseInt(c.slice(i, i + 2), 16));
    return Math.round(p + (q - p) * (at - low));
  });
  return `rgb(${parts.join(",")})`;
}
function cividis(share) {
  const inside = Math.min(Math.max(share, 0), 1);
  return `light-dark(${mixed(0.95 * inside)}, ${mixed(0.25 + 0.75 * inside)})`;
}
const RAMP = `linear-gradient(90deg, ${CIVIDIS.map((_, i) => cividis(i / (CIVIDIS.length - 1))).join(", ")})`;
const SERIES = ["var(--blue)", "var(--orange)", "var(--green)", "var(--red)", "var(--purple)", "var(--sky)", "var(--yellow)", "var(--grey)"];
const BOUND_NAMES = ["compute", "memory", "ridge", "vector", "dependency", "none"];
const BOUND_WORDS = { compute: "MAC array", memory: "off-chip memory", ridge: "both alike (at the ridge)", vector: "vector lanes", dependency: "waiting for the step before", none: "nothing" };

// ---- charts ----
function canvas(figure, height, label) {
  const plot = figure.querySelector("[data-plot]"), width = Math.max(plot.clientWidth, 280);
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
  plot.replaceChildren(svg);
  return { svg, width, height };
}
// A frame with axes; `x` and `y` are {scale, dimension, title, binary}; ticks that would meet are left out.
function frame(svg, box, x, y) {
  const { left, right, top, bottom } = box, g = s("g", {});
  const xTicks = x.ticks || x.scale.ticks(Math.max(3, Math.floor((right - left) / (right - left < 400 ? 56 : 78))), x.binary);
  let end = -Infinity;
  for (const tick of xTicks) {
    const at = x.scale(tick), text = (x.show || ((v) => tickText(v, x.dimension)))(tick);
    g.append(s("path", { class: "grid", d: `M${at} ${top}V${bottom}` }));
    const half = text.length * 3.3;
    if (at - half > end + 6 && at + half < right + 34) { g.append(s("text", { x: at, y: bottom + 17, "text-anchor": "middle" }, text)); end = at + half; }
  }
  for (const tick of y.ticks || y.scale.ticks(Math.max(2, Math.floor((bottom - top) / 42)), y.binary)) {
    const at = y.scale(tick);
    g.append(s("path", { class: "grid", d: `M${left} ${at}H${right}` }), s("text", { x: left - 7, y: at + 4, "text-anchor": "end" }, (y.show || ((v) => tickText(v, y.dimension)))(tick)));
  }
  g.append(s("path", { class: "axis", d: `M${left} ${top}V${bottom}H${right}` }));
  g.append(s("text", { class: "title", x: right, y: bottom + 36, "text-anchor": "end" }, x.title + (right - left > 330 ? " →" : "")));
  g.append(s("text", { class: "title", x: 0, y: top - 12 }, `↑ ${y.title}`));
  svg.append(g);
}
// Many dots as one path: each a line of no length with round caps.
const dots = (points, size, attributes) => s("path", { d: points.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join(""), "stroke-width": size, "stroke-linecap": "round", fill: "none", ...attributes });
function legend(figure, entries) {
  const list = h("ul", { class: "legend" }, entries.filter(Boolean).map(([colour, text, kind = "dot"]) =>
    h("li", {}, kind === "ramp" ? null : h("i", { class: kind, style: `background:${colour}` }), text)));
  figure.querySelector("[data-plot]").prepend(list);
  return list;
}
const title = (figure, text) => { figure.querySelector("[data-title]").textContent = text; };
const note = (figure, text) => { figure.querySelector("[data-note]").textContent = text; };
function select(label, options, value, change) {
  const list = h("select", { onchange: () => change(list.value) }, options.map(([key, text]) => h("option", { value: key, selected: key === value }, text)));
  return h("label", {}, label, list);
}

// ---- tooltip: rows of [name, value] ----
const tip = byId("tip");
function showTip(event, heading, rows) {
  tip.replaceChildren(h("b", {}, heading), h("table", {}, h("tbody", {}, rows.map(([name, value]) => h("tr", {}, h("td", {}, name), h("td", {}, value))))));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(event.clientX + 14, innerWidth - width - 6))}px`;
  tip.style.top = `${event.clientY + height + 22 > innerHeight ? Math.max(6, event.clientY - height - 12) : event.clientY + 16}px`;
}
const hideTip = () => { tip.hidden = true; };
const tipOn = (element, heading, rows) => { element.addEventListener("pointermove", (event) => showTip(event, heading, rows)); element.addEventListener("pointerleave", hideTip); return element; };
addEventListener("scroll", hideTip, { passive: true });

// ---- theme: the system's, or the one chosen here ----
const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
byId("theme").addEventListener("click", () => { document.documentElement.dataset.theme = dark() ? "light" : "dark"; });

// ---- drawing again when the width changes ----
const painters = [];
let drawnWidth = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === drawnWidth) return;
  drawnWidth = innerWidth;
  requestAnimationFrame(() => painters.forEach((paint) => paint()));
});
// Tables as wide as the page allows, whole.
function shrink(yes) {
  for (const table of document.querySelectorAll(".scroll > table")) {
    table.style.zoom = "";
    const room = table.parentElement.clientWidth;
    if (yes && table.scrollWidth > room) table.style.zoom = (0.98 * room) / table.scrollWidth;
  }
}
const isPaper = () => document.body.classList.contains("paper");
// On paper: drawn at the width of a page, so that the text of charts keeps its size.
const onPaper = (yes) => { if (yes) document.querySelectorAll("#all").forEach((list) => { list.open = true; }); document.body.classList.toggle("paper", yes); painters.forEach((paint) => paint()); shrink(yes); };
addEventListener("beforeprint", () => onPaper(true));
addEventListener("afterprint", () => onPaper(false));
