// Two fronts on one chart, and what entered, left and changed.
const metrics = data.metrics, drawn = data.drawn, fronts = data.fronts;
const metric = Object.fromEntries(metrics.map((m) => [m.name, m]));
const wordsOf = (name) => name.replace("dram_bytes", "off-chip traffic");
const unbroken = (text) => crossed(text).replace(/(\d) (?=(MHz|[KMGT]?i?B|[kMGT]?B\/s|nm)\b)/g, "$1\u00a0");
const KINDS = [["before", "before alone", "var(--orange)"], ["after", "after alone", "var(--blue)"], ["both", "in both", "var(--soft)"]];
const goals = metrics.filter((m) => m.objective).map((m) => m.name);
const view = { y: goals[0] || "latency", x: goals.includes("price") ? "price" : goals[1] || "price" };
const rowOf = (which, i) => (/^row /.test(drawn[which].name[i]) ? `Row ${drawn[which].name[i].slice(4)} of its front.csv` : `Design ${drawn[which].name[i]} of its report`);

// The designs of both fronts by kind; one that stands in both is drawn where it is after.
function designs() {
  const found = [];
  for (const which of ["before", "after"])
    drawn[which].name.forEach((_, i) => {
      const both = drawn[which].in_both[i];
      if (both && which === "before") return;
      const kind = both ? "both" : which, [x, y] = [view.x, view.y].map((name) => drawn[which].metrics[name][i]);
      if (x > 0 && y > 0) found.push({ kind, which, i, x, y });
    });
  return found;
}
// The best y for every x of one front, as steps.
function staircase(which, x, y) {
  const sign = (m) => (m.maximise ? -1 : 1), part = drawn[which].metrics, kept = [];
  const points = part[x.name].map((v, i) => [v, part[y.name][i]]).filter(([p, q]) => p > 0 && q > 0);
  points.sort((p, q) => sign(x) * (p[0] - q[0]) || sign(y) * (p[1] - q[1]));
  for (const p of points) if (!kept.length || sign(y) * p[1] < sign(y) * kept.at(-1)[1]) kept.push(p);
  return kept;
}
function mark(point, cx, cy) {
  const colour = KINDS.find(([kind]) => kind === point.kind)[2], common = { class: `mark ${point.kind}`, "data-kind": point.kind };
  if (point.kind === "before") return s("circle", { ...common, cx, cy, r: 4.2, fill: "var(--card)", stroke: colour, "stroke-width": 2 });
  if (point.kind === "after") return s("circle", { ...common, cx, cy, r: 4.6, fill: colour, stroke: "var(--card)", "stroke-width": 1 });
  return s("path", { ...common, d: `M${cx} ${cy - 4}l4 4l-4 4l-4 -4z`, fill: colour, stroke: "var(--card)", "stroke-width": 0.8, opacity: 0.6 });
}
function drawPareto() {
  const figure = byId("pareto"), x = metric[view.x], y = metric[view.y], height = figure.clientWidth < 560 ? 380 : 500;
  const all = designs(), count = Object.fromEntries(KINDS.map(([kind]) => [kind, all.filter((p) => p.kind === kind).length]));
  const range = (m, key) => {
    let [low, high] = extent(all.map((p) => p[key]));
    for (const limit of Object.values(m.limits)) if (limit !== null && limit < high * 3 && limit > low / 3) { low = Math.min(low, limit); high = Math.max(high, limit); }
    const margin = Math.max((high / low) ** 0.05, 1.08);
    return [low / margin, high * margin];
  };
  const { svg, width } = canvas(figure, height, `Scatter of two Pareto fronts, ${y.title} against ${x.title}, log axes: ${KINDS.map(([kind, words]) => `${count[kind]} designs ${words}`).join(", ")}.`);
  const box = { left: 66, right: width - 14, top: 30, bottom: height - 46 };
  const sx = logScale(...range(x, "x"), box.left, box.right), sy = logScale(...range(y, "y"), box.bottom, box.top);
  frame(svg, box, { scale: sx, dimension: x.dimension, title: x.title }, { scale: sy, dimension: y.dimension, title: y.title });
  for (const [which, colour] of [["before", "var(--orange)"], ["after", "var(--blue)"]]) {
    const steps = staircase(which, x, y);
    svg.append(s("path", { d: steps.map(([px, py], i) => (i ? `H${sx(px)}V${sy(py)}` : `M${sx(px)} ${sy(py)}`)).join(""), fill: "none", stroke: colour, "stroke-width": 1.6, opacity: 0.75, "stroke-dasharray": which === "before" ? "5 3" : null }));
  }
  const inside = (scale, v) => v !== null && v >= scale.domain[0] && v <= scale.domain[1];
  for (const [which, colour, rise] of [["before", "var(--orange)", 12], ["after", "var(--blue)", 27]]) {
    const [lx, ly] = [x.limits[which], y.limits[which]];
    const same = (m) => m.limits.before === m.limits.after, said = (m) => (same(m) ? "budget" : `budget ${which}`);
    if (inside(sx, lx) && !(same(x) && which === "after")) svg.append(s("path", { d: `M${sx(lx)} ${box.top}V${box.bottom}`, stroke: colour, "stroke-width": 1.4, "stroke-dasharray": "2 3", fill: "none" }), s("text", { class: "halo", x: sx(lx) + (sx(lx) - box.left > 170 ? -5 : 5), y: box.top + rise, "text-anchor": sx(lx) - box.left > 170 ? "end" : "start" }, `${said(x)} ${show(lx, x.dimension)}`));
    if (inside(sy, ly) && !(same(y) && which === "after")) svg.append(s("path", { d: `M${box.left} ${sy(ly)}H${box.right}`, stroke: colour, "stroke-width": 1.4, "stroke-dasharray": "2 3", fill: "none" }), s("text", { class: "halo", x: box.right - 4, y: sy(ly) - 5, "text-anchor": "end" }, `${said(y)} ${show(ly, y.dimension)}`));
  }
  for (const point of [...all].sort((p, q) => (q.kind === "both") - (p.kind === "both") || count[q.kind] - count[p.kind])) svg.append(mark(point, sx(point.x), sy(point.y)));
  for (const which of data.same_knee ? ["after"] : ["before", "after"]) {
    const [kx, ky] = [x, y].map((m) => data.knee[which].metrics[m.name]);
    if (!(kx > 0 && ky > 0)) continue;
    svg.append(s("circle", { class: "ring", cx: sx(kx), cy: sy(ky), r: 10 }));
    svg.append(s("text", { class: "strong halo", x: sx(kx) + 13, y: sy(ky) + (which === "before" ? -9 : 16) }, data.same_knee ? "knee" : `knee ${which}`));
  }
  svg.addEventListener("pointermove", (event) => {
    const r = svg.getBoundingClientRect(), k = width / r.width, px = (event.clientX - r.left) * k, py = (event.clientY - r.top) * k;
    let best = null, least = 18;
    for (const p of all) { const d = Math.hypot(sx(p.x) - px, sy(p.y) - py); if (d < least) { least = d; best = p; } }
    if (!best) return hideTip();
    const part = drawn[best.which], words = best.kind === "both" ? "in both fronts" : `${best.which} alone`;
    return showTip(event, `${rowOf(best.which, best.i)}, ${words}`, [["machine", unbroken(part.machine[best.i])], ...metrics.map((m) => [wordsOf(m.name), show(part.metrics[m.name][best.i], m.dimension)])]);
  });
  svg.addEventListener("pointerleave", hideTip);
  legend(figure, KINDS.filter(([kind]) => count[kind]).map(([kind, words, colour]) => [colour, `${words}, ${count[kind].toLocaleString("en-US")}`]));
  title(figure, `Both fronts: ${wordsOf(y.name)} against ${wordsOf(x.name)}`);
  note(figure, `Rings: designs before alone; discs: designs after alone; diamonds: in both. Lines: the best ${wordsOf(y.name)} for every ${wordsOf(x.name)}, dashed before. Better is to the ${x.maximise ? "right" : "left"} and ${y.maximise ? "up" : "down"}.`);
}

const cell = (text, left, value) => h("td", { class: left ? "text" : null, "data-value": value }, text);
const head = (names) => h("tr", {}, names.map(([name, left]) => h("th", { scope: "col", class: left ? "text" : null }, name)));
function fillTable(id, names, rows) {
  const table = byId(id).querySelector("table");
  table.tHead.replaceChildren(head(names));
  table.tBodies[0].replaceChildren(...rows);
}
function drawBest() {
  fillTable("best", [["objective", true], ["before"], ["machine before", true], ["after"], ["machine after", true], ["better"]], data.best.map((b) => h("tr", {}, cell(wordsOf(b.metric), true), cell(show(b.before.metrics[b.metric], metric[b.metric].dimension)), cell(`${b.before.name}: ${unbroken(b.before.machine)}`, true), cell(show(b.after.metrics[b.metric], metric[b.metric].dimension)), cell(`${b.after.name}: ${unbroken(b.after.machine)}`, true), cell(times(b.better)))));
}
function drawKnee() {
  const { before, after } = data.knee, shown = data.best.length ? metrics : metrics.filter((m) => ["price", "area", "power"].includes(m.name));
  const better = (m) => { const [p, q] = [before.metrics[m.name], after.metrics[m.name]]; return p > 0 && q > 0 ? times(m.maximise ? q / p : p / q) : "–"; };
  fillTable("knee", [["", true], [`before: ${before.name}`], [`after: ${after.name}`], ["better"]], [
    h("tr", {}, cell("machine", true), cell(unbroken(before.machine)), cell(unbroken(after.machine)), cell(data.same_knee ? "the same" : "")),
    ...shown.map((m) => h("tr", {}, cell(wordsOf(m.name), true), cell(show(before.metrics[m.name], m.dimension)), cell(show(after.metrics[m.name], m.dimension)), cell(better(m)))),
  ]);
}

const moved = fronts ? [
  ...fronts.entered.map((d) => ({ ...d, kind: "entered", colour: "var(--blue)" })),
  ...fronts.left.map((d) => ({ ...d, kind: "left", colour: "var(--orange)" })),
  ...fronts.changed.map((d) => ({ ...d, kind: "changed", colour: "var(--grey)", why: Object.entries(d.moved).map(([name, v]) => `${wordsOf(name)} was ${show(v.before, metric[name].dimension)}`).join(", ") })),
] : [];
const table = { sort: null, down: false, kind: "all", words: [] };
const columns = [
  ["what", (d) => d.kind, (d) => [h("i", { class: "chip", style: `background:${d.colour}` }), d.kind], true],
  ["design", (d) => d.name, (d) => d.name, true],
  ["machine", (d) => d.machine, (d) => unbroken(d.machine), true],
  ...metrics.filter((m) => m.objective || ["price", "area", "power"].includes(m.name)).map((m) => [wordsOf(m.name), (d) => d.metrics[m.name], (d) => show(d.metrics[m.name], m.dimension), false]),
  ["why", (d) => d.why, (d) => d.why, true],
];
function drawMoved() {
  const holder = byId("moved"), grid = holder.querySelector("table");
  grid.tHead.replaceChildren(h("tr", {}, columns.map(([name, , , left], i) => h("th", { scope: "col", class: left ? "text" : null, "aria-sort": table.sort === i ? (table.down ? "descending" : "ascending") : "none" },
    h("button", { type: "button", onclick: () => { table.down = table.sort === i ? !table.down : false; table.sort = i; drawMoved(); } }, name)))));
  const rows = moved.filter((d) => (table.kind === "all" || d.kind === table.kind) && table.words.every((word) => `${d.kind} ${d.name} ${d.machine} ${d.why}`.toLowerCase().includes(word)));
  if (table.sort !== null) {
    const key = columns[table.sort][1];
    rows.sort((p, q) => (key(p) < key(q) ? -1 : key(p) > key(q) ? 1 : 0) * (table.down ? -1 : 1));
  }
  grid.tBodies[0].replaceChildren(...rows.map((d) => h("tr", { "data-kind": d.kind }, columns.map(([, key, text, left]) => h("td", { class: left ? "text" : null, "data-value": left ? null : key(d) }, text(d))))));
  note(holder, `${rows.length.toLocaleString("en-US")} of ${moved.length.toLocaleString("en-US")} designs. Names are letters of the run's own report, or rows of its front.csv.`);
}

if (drawn) {
  const box = byId("pareto").querySelector("[data-controls]"), options = metrics.map((m) => [m.name, wordsOf(m.name)]);
  for (const [key, label] of [["x", "across"], ["y", "up"]]) box.append(select(label, options, view[key], (chosen) => { view[key] = chosen; drawPareto(); }));
  painters.push(drawPareto);
  drawPareto();
  if (data.best.length) drawBest(); else byId("best").hidden = true;
}
drawKnee();
if (fronts) {
  const kinds = ["all", "entered", "left", "changed"].filter((kind) => kind === "all" || moved.some((d) => d.kind === kind));
  byId("moved").querySelector("[data-controls]").prepend(select("show", kinds.map((kind) => [kind, kind]), "all", (chosen) => { table.kind = chosen; drawMoved(); }));
  byId("filter").addEventListener("input", (event) => { table.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean); drawMoved(); });
  if (moved.length) drawMoved(); else byId("moved").hidden = true;
}
document.documentElement.dataset.drawn = "yes";
