// The Pareto front on any two metrics, coloured by a third, and what a budget buys.
function axisOf(name) { return metric[name]; }
const view = (() => {
  const names = metrics.filter((m) => m.objective).map((m) => m.name);
  const rest = metrics.map((m) => m.name).filter((name) => !names.includes(name));
  const y = names[0], x = names.includes("price") ? "price" : names[1] || (rest.includes("price") ? "price" : rest[0]);
  const colour = names.find((name) => name !== x && name !== y) || "none";
  return { x, y, colour };
})();

function drawPareto() {
  const figure = byId("pareto"), narrow = figure.clientWidth < 560;
  if (front.total === 1 && !(trials && trials.dominated.total + trials.infeasible.total)) { figure.hidden = true; return; }
  const x = axisOf(view.x), y = axisOf(view.y), colour = metric[view.colour];
  const parts = [["front", front], ...(trials ? [["dominated", trials.dominated], ["infeasible", trials.infeasible]] : [])];
  const all = (m, some) => some.flatMap(([, part]) => part.metrics[m.name]);
  const exact = data.exact || (data.search.certificate.kind === "exact" ? front : null);
  const steps = exact && exact.metrics[x.name] && exact.metrics[y.name] ? staircase(exact, x, y) : [];
  const range = (m) => {
    let [low, high] = extent([...all(m, parts.filter(([kind]) => kind !== "infeasible")), ...steps.map((p) => p[m === x ? 0 : 1])]);
    if (m.limit !== null && m.limit < high * 3 && m.limit > low / 3) { low = Math.min(low, m.limit); high = Math.max(high, m.limit); }
    const margin = Math.max((high / low) ** 0.05, 1.08);
    return [low / margin, high * margin];
  };
  const count = front.total, height = narrow ? 380 : 500;
  const { svg, width } = canvas(figure, height, `Scatter of ${count} Pareto-optimal designs: ${y.title} against ${x.title}, log axes. The knee has ${x.name} ${show(value(front, front.rows.indexOf(front.knee), x.name), x.dimension)} and ${y.name} ${show(value(front, front.rows.indexOf(front.knee), y.name), y.dimension)}.`);
  const box = { left: 66, right: width - 14, top: 30, bottom: height - 46 };
  const sx = logScale(...range(x), box.left, box.right), sy = logScale(...range(y), box.bottom, box.top);
  frame(svg, box, { scale: sx, dimension: x.dimension, title: x.title }, { scale: sy, dimension: y.dimension, title: y.title });
  const inside = ([px, py]) => px >= box.left && px <= box.right && py >= box.top && py <= box.bottom;
  const at = (part, i) => [sx(value(part, i, x.name)), sy(value(part, i, y.name))];
  const near = [];
  for (const [kind, part] of parts.slice(1).reverse()) {
    const shown = part.metrics[x.name].map((_, i) => i).filter((i) => brushed(part, i) && inside(at(part, i)));
    svg.append(dots(shown.map((i) => at(part, i)), kind === "infeasible" ? 3.6 : 4, { stroke: kind === "infeasible" ? "var(--grey)" : "var(--sky)", opacity: 0.5, "data-marks": shown.length, class: kind }));
    shown.forEach((i) => near.push({ kind, part, i, at: at(part, i) }));
  }
  for (const [m, scale, path] of [[x, sx, (v) => `M${v} ${box.top}V${box.bottom}`], [y, sy, (v) => `M${box.left} ${v}H${box.right}`]]) {
    if (m.limit === null || m.limit < scale.domain[0] || m.limit > scale.domain[1]) continue;
    const v = scale(m.limit);
    svg.append(s("path", { d: path(v), stroke: "var(--select)", "stroke-width": 1.5, "stroke-dasharray": "5 4", fill: "none" }));
    svg.append(m === x ? s("text", { class: "halo", x: v - 5, y: box.top + 12, "text-anchor": "end" }, `budget ${show(m.limit, m.dimension)}`) : s("text", { class: "halo", x: box.right - 4, y: v - 5, "text-anchor": "end" }, `budget ${show(m.limit, m.dimension)}`));
  }
  if (steps.length > 1) svg.append(clip(box), s("path", { class: "exact", "clip-path": "url(#inside)", d: steps.map(([px, py], i) => (i ? `H${sx(px)}V${sy(py)}` : `M${sx(px)} ${sy(py)}`)).join(""), fill: "none", stroke: "var(--purple)", "stroke-width": 1.8 }));
  const [low, high] = colour ? extent(front.metrics[colour.name]) : [1, 1];
  const tone = (i) => (colour ? (high > low ? cividis(Math.log(value(front, i, colour.name) / low) / Math.log(high / low)) : cividis(0.5)) : "var(--blue)");
  const order = front.rows.map((_, i) => i).filter((i) => inside(at(front, i)));
  const crowded = order.length > 300, lettersLast = [...order].sort((p, q) => Boolean(letterOf(front.rows[p])) - Boolean(letterOf(front.rows[q])));
  for (const i of lettersLast) {
    const [cx, cy] = at(front, i), on = brushed(front, i);
    svg.append(s("circle", { class: "mark front", cx, cy, r: letterOf(front.rows[i]) ? 6 : 4.2, style: `fill:${tone(i)};stroke:light-dark(#ffffff, #b9bfc6)`, "stroke-width": crowded && !letterOf(front.rows[i]) ? 0.4 : 1, opacity: on ? 1 : 0.13 }));
    near.push({ kind: "front", part: front, i, at: [cx, cy] });
  }
  const base = data.verdict.baseline, spot = base && data.space.size > 1 ? [sx(base.metrics[x.name]), sy(base.metrics[y.name])] : null;
  if (spot && inside(spot)) {
    const diamond = s("path", { class: "baseline", d: `M${spot[0]} ${spot[1] - 8}l8 8l-8 8l-8 -8z`, fill: "var(--green)", stroke: "var(--card)", "stroke-width": 1.5 });
    svg.append(diamond);
    near.push({ kind: "baseline", at: spot });
  }
  const taken = spot && inside(spot) ? [spot] : [];
  for (const i of order.filter((k) => letterOf(front.rows[k]))) {
    const [cx, cy] = at(front, i);
    const corner = [[9, -6], [9, 14], [-9, -6], [-9, 14], [0, -12], [0, 21]].find(([dx, dy]) => !taken.some(([tx, ty]) => Math.abs(tx - cx - dx) < 12 && Math.abs(ty - cy - dy) < 13)) || [9, -6];
    taken.push([cx + corner[0], cy + corner[1]]);
    svg.append(s("text", { class: "strong halo", x: cx + corner[0], y: cy + corner[1], "text-anchor": corner[0] < 0 ? "end" : corner[0] ? "start" : "middle" }, letterOf(front.rows[i])));
  }
  const [kx, ky] = at(front, state.at);
  svg.append(s("circle", { class: "ring", cx: kx, cy: ky, r: 10 }));
  const find = (event) => {
    const r = svg.getBoundingClientRect(), k = width / r.width, px = (event.clientX - r.left) * k, py = (event.clientY - r.top) * k;
    let best = null, least = 18;
    for (const p of near) { const d = Math.hypot(p.at[0] - px, p.at[1] - py) + (p.kind === "front" ? 0 : 6); if (d < least) { least = d; best = p; } }
    return best;
  };
  svg.addEventListener("pointermove", (event) => {
    const p = find(event);
    svg.style.cursor = p && p.kind === "front" ? "pointer" : "";
    if (!p) return hideTip();
    if (p.kind === "baseline") return showTip(event, base.name, [["machine", base.machine], ...metrics.map((m) => [m.name, show(base.metrics[m.name], m.dimension)])]);
    return showTip(event, p.kind === "front" ? rowName(p.i) : p.kind === "dominated" ? "Tried and dominated" : "Breaks a limit", describe(p.part, p.i));
  });
  svg.addEventListener("pointerleave", hideTip);
  svg.addEventListener("click", (event) => { const p = find(event); if (p && p.kind === "front") choose(p.i); });
  const list = legend(figure, [[colour ? RAMP : "var(--blue)", `Pareto front, ${count.toLocaleString("en-US")} ${count === 1 ? "design" : "designs"}`], trials && trials.dominated.total > 0 && ["var(--sky)", `dominated, ${trials.dominated.total.toLocaleString("en-US")}`], trials && trials.infeasible.total > 0 && ["var(--grey)", `over a limit, ${trials.infeasible.total.toLocaleString("en-US")}`], spot && inside(spot) && ["var(--green)", base.name], steps.length > 1 && ["var(--purple)", data.exact ? exactName() : "exact front, certified", "rule"], ["var(--select)", `selected: ${rowName(state.at)}`]]);
  if (colour) list.append(h("li", {}, `${colour.name}: ${show(low, colour.dimension)}`, h("span", { class: "ramp", style: `background:${RAMP}` }), show(high, colour.dimension)));
  title(figure, count === 1 ? `One design: ${y.name} and ${x.name}` : `Pareto front: ${y.name} against ${x.name}${colour ? `, coloured by ${colour.name}` : ""}`);
  const said = [count > front.rows.length && `${front.rows.length.toLocaleString("en-US")} of ${count.toLocaleString("en-US")} front designs are drawn, evenly chosen by rank; front.csv has all`, trials && ["dominated", "infeasible"].some((k) => trials[k].total > trials[k].metrics.price.length) && `of the others an even choice of ${(trials.dominated.metrics.price.length + trials.infeasible.metrics.price.length).toLocaleString("en-US")} is drawn; trials.csv has all`];
  const hint = count > 1 ? (isPaper() ? "" : "Point at a design to see all of it; click one of the front to select it everywhere. ") + "Better is to the " + `${x.maximise ? "right" : "left"} and ${y.maximise ? "up" : "down"}.` : "The space holds one design: there is nothing to trade.";
  note(figure, [hint, ...said.filter(Boolean).map((t) => t[0].toUpperCase() + t.slice(1) + ".")].join(" "));
}
const exactName = () => (data.exact.source ? `exact front (${data.exact.source})` : `exact front, ${data.exact.total.toLocaleString("en-US")} designs`);
const clip = (box) => s("clipPath", { id: "inside" }, s("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top }));
// The best y for every x, as steps.
function staircase(part, x, y) {
  const sign = (m) => (m.maximise ? -1 : 1), points = part.metrics[x.name].map((v, i) => [v, part.metrics[y.name][i]]);
  points.sort((p, q) => sign(x) * (p[0] - q[0]) || sign(y) * (p[1] - q[1]));
  const kept = [];
  for (const p of points) if (!kept.length || sign(y) * p[1] < sign(y) * kept[kept.length - 1][1]) kept.push(p);
  return kept;
}
function paretoControls() {
  const box = byId("pareto").querySelector("[data-controls]");
  if (front.total === 1 && !trials) return;
  const options = metrics.map((m) => [m.name, m.name.replace("dram_bytes", "off-chip traffic")]);
  for (const [key, label, list] of [["x", "across", options], ["y", "up", options], ["colour", "colour", [["none", "none"], ...options]]])
    box.append(select(label, list, view[key], (chosen) => { view[key] = chosen; drawPareto(); }));
}

function drawTradeoff() {
  const figure = byId("tradeoff"), t = data.tradeoff;
  if (!t || t.rows.length < 2) { figure.hidden = true; return; }
  const cost = metric[t.cost], goal = metric[t.goal], height = 300;
  const { svg, width } = canvas(figure, height, `Best ${goal.name} against a ${cost.name} budget: from ${show(t.goals[0], goal.dimension)} for ${show(t.costs[0], cost.dimension)} to ${show(t.goals.at(-1), goal.dimension)} for ${show(t.costs.at(-1), cost.dimension)}.`);
  const box = { left: 66, right: width - 16, top: 30, bottom: height - 46 };
  const end = cost.limit && cost.limit < t.costs.at(-1) * 3 ? cost.limit : t.costs.at(-1) * 1.1;
  const wide = end / t.costs[0] > 8;
  const sx = wide ? logScale(t.costs[0] / 1.06, end * 1.02, box.left, box.right) : linearScale(t.costs[0] - (end - t.costs[0]) * 0.03, end + (end - t.costs[0]) * 0.01, box.left, box.right);
  const [low, high] = extent(t.goals), sy = logScale(low / 1.15, high * 1.15, box.bottom, box.top);
  frame(svg, box, { scale: sx, title: `budget: ${cost.title}`, show: (v) => tickText(v, cost.dimension) }, { scale: sy, dimension: goal.dimension, title: `best ${goal.title}` });
  const path = t.rows.map((_, i) => `${i ? `H${sx(t.costs[i])}V` : `M${sx(t.costs[i])} `}${sy(t.goals[i])}`).join("") + `H${sx(end)}`;
  svg.append(s("path", { d: path, fill: "none", stroke: "var(--blue)", "stroke-width": 2 }));
  const bendLast = t.rows.map((row, i) => [row, i]).sort((p, q) => (p[0] === t.knee) - (q[0] === t.knee));
  bendLast.forEach(([row, i]) => {
    const at = front.rows.indexOf(row), chosen = at === state.at, bend = row === t.knee;
    const dot = s("circle", { class: "mark", cx: sx(t.costs[i]), cy: sy(t.goals[i]), r: bend ? 6 : 4.5, fill: bend ? "var(--red)" : "var(--blue)", stroke: "var(--card)" });
    tipOn(dot, at >= 0 ? rowName(at) : `Row ${row} of front.csv`, [[cost.name, show(t.costs[i], cost.dimension)], [goal.name, show(t.goals[i], goal.dimension)], ...(i ? [["against the step before", `${times(goal.maximise ? t.goals[i] / t.goals[i - 1] : t.goals[i - 1] / t.goals[i])} better for ${show(t.costs[i] - t.costs[i - 1], cost.dimension)} more`]] : [])]);
    if (at >= 0) dot.addEventListener("click", () => choose(at));
    svg.append(dot);
    if (chosen) svg.append(s("circle", { class: "ring", cx: sx(t.costs[i]), cy: sy(t.goals[i]), r: 9 }));
  });
  const k = t.rows.indexOf(t.knee), gain = (i, j) => (goal.maximise ? t.goals[j] / t.goals[i] : t.goals[i] / t.goals[j]);
  svg.append(s("text", { class: "strong halo", x: sx(t.costs[k]) + 9, y: sy(t.goals[k]) - 7 }, "bend"));
  title(figure, `What a ${cost.name} budget buys: best ${goal.name} from ${show(t.costs[0], cost.dimension)} to ${show(t.costs.at(-1), cost.dimension)}`);
  const last = t.rows.length - 1;
  note(figure, `${k ? `Up to the bend a little more buys much: with ${show(t.costs[k] - t.costs[0], cost.dimension)} more than the least, ${goal.name} is ${times(gain(0, k))} better.` : ""}${k < last ? ` From the bend at ${show(t.costs[k], cost.dimension)} on it takes another ${show(t.costs[last] - t.costs[k], cost.dimension)} to become ${times(gain(k, last))} better.` : ""}${cost.limit && cost.limit > t.costs[last] * 1.02 ? ` Beyond that no design found gains anything, up to the budget of ${show(cost.limit, cost.dimension)}.` : ""} Source: ${t.source}.`);
}
