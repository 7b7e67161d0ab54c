// One lettered design: machine, roofline with every layer, time and energy by layer, costs, levers, batches, scenarios.
const choice = { level: "off-chip", scenario: null, measure: "time" };
const slowest = (d) => d.scenarios.reduce((best, sc, i) => (sc.weight * sc.latency_s > d.scenarios[best].weight * d.scenarios[best].latency_s ? i : best), 0);
const layerRows = (d, only) => d.layers.name.map((_, i) => i).filter((i) => only === null || d.layers.scenario[i] === only);

function drawMachine(d) {
  const holder = byId("machine");
  title(holder, `Design ${d.letter}${isKnee(d.row) ? ", the knee" : ""}: the machine`);
  const facts = [...Object.entries(d.machine), ...metrics.map((m) => [m.name.replace("dram_bytes", "off-chip traffic"), show(d.totals[m.column], m.dimension)])];
  holder.querySelector("[data-plot]").replaceChildren(...facts.map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text))));
}

function drawRoofline(d) {
  const figure = byId("roofline"), narrow = figure.clientWidth < 560, L = d.layers, roofs = d.roofs;
  const only = choice.scenario === null ? null : choice.scenario;
  const levels = choice.level === "both" ? ["off-chip", "on-chip"] : [choice.level];
  const moved = { "off-chip": L.dram_bytes, "on-chip": L.buffer_bytes }, ridge = roofs.ridge;
  const rows = layerRows(d, only).filter((i) => L.ops[i] > 0), edge = ridge * 100;
  const totals = d.scenarios.map((_, k) => layerRows(d, k).reduce((sum, i) => sum + L.time_s[i] * L.count[i], 0));
  const points = [];
  for (const level of levels) for (const i of rows)
    points.push({ i, level, x: Math.min(moved[level][i] > 0 ? L.ops[i] / moved[level][i] : edge, edge), y: L.ops[i] / L.time_s[i], share: (L.time_s[i] * L.count[i]) / totals[L.scenario[i]] });
  const xs = extent(points.map((p) => p.x)), ridges = levels.map((l) => (l === "off-chip" ? ridge : roofs.sram_ridge));
  const bands = levels.map((l) => (l === "off-chip" ? roofs.bandwidth_bytes_per_s : roofs.sram_bandwidth_bytes_per_s));
  const xLow = Math.min(xs[0], ...ridges.map((r) => r / 10)) / 1.5, xHigh = Math.max(xs[1], ...ridges.map((r) => r * 10)) * 1.3;
  const big = points.filter((p) => p.share > 0.002).map((p) => p.y), peak = roofs.peak_ops_per_s;
  const yLow = Math.min(big.length ? Math.min(...big) : peak / 1e3, peak / 100) / 1.5;
  const height = narrow ? 380 : 480;
  const slope = d.bound_share.memory || 0, array = d.bound_share.compute || 0;
  const { svg, width } = canvas(figure, height, `Roofline of design ${d.letter}: peak ${show(peak, "rate")}, memory ${show(roofs.bandwidth_bytes_per_s, "bandwidth")}, ridge at ${sig(ridge)} ops per byte; ${rows.length} kinds of layer; off-chip memory binds ${show(slope, "share")} of the time, the array ${show(array, "share")}.`);
  const box = { left: 78, right: width - 14, top: 34, bottom: height - 46 };
  const sx = logScale(xLow, xHigh, box.left, box.right), sy = logScale(yLow, peak * 2.2, box.bottom, box.top);
  frame(svg, box, { scale: sx, title: choice.level === "on-chip" ? "ops per byte in or out of the on-chip buffer" : choice.level === "off-chip" ? "ops per off-chip byte (1 MAC = 2 ops)" : "ops per byte, off chip and on chip", show: (v) => sig(v) }, { scale: sy, dimension: "rate", title: "attained rate" });
  const labels = [];
  levels.forEach((level, k) => {
    const start = Math.max(xLow, yLow / bands[k]), from = [sx(start), sy(start * bands[k])], to = [sx(ridges[k]), sy(peak)];
    svg.append(s("path", { class: "roof", d: `M${from}L${to}H${box.right}`, "stroke-dasharray": level === "on-chip" && levels.length > 1 ? "7 4" : null }));
    svg.append(s("path", { d: `M${to[0]} ${to[1]}V${box.bottom}`, stroke: "var(--soft)", "stroke-dasharray": "2 4", fill: "none" }));
    const angle = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI, label = `${level === "on-chip" ? "SRAM" : "memory"} ${show(bands[k], "bandwidth")}`;
    const corner = `ridge ${sig(ridges[k])} ops/B`, tight = to[0] + 5 + 6.4 * corner.length > box.right;
    if (to[0] - from[0] > 60) labels.push(s("text", { class: "title halo", x: from[0] + 16, y: from[1], transform: `rotate(${angle} ${from[0]} ${from[1]}) translate(0 -7)` }, label));
    labels.push(s("text", { class: "halo", x: to[0] + (tight ? -5 : 5), y: box.bottom - 8 - 15 * k, "text-anchor": tight ? "end" : "start" }, corner));
  });
  svg.append(s("text", { class: "title halo", x: box.right - 4, y: sy(peak) - 8, "text-anchor": "end" }, `peak ${show(peak, "rate")}`));
  if (levels.length > 1 && rows.length) {
    const half = points.length / 2, join = points.slice(0, half).map((p, k) => `M${sx(p.x)} ${sy(Math.max(p.y, yLow))}H${sx(points[k + half].x)}`).join("");
    svg.append(s("path", { d: join, stroke: "var(--line)", "stroke-width": 1, fill: "none" }));
  }
  let below = 0;
  for (const p of [...points].sort((a, b) => b.share - a.share)) {
    if (p.y < yLow) { below += p.level === levels[0] ? 1 : 0; continue; }
    const bound = BOUND_NAMES[L.bound[p.i]], colour = `var(--${bound})`;
    const share = only === null ? p.share / d.scenarios.length : p.share;
    const mark = s("circle", { class: "layer", cx: sx(p.x), cy: sy(p.y), r: Math.max(2.5, Math.sqrt(Math.min(share, 1)) * (narrow ? 26 : 38)), fill: colour, "fill-opacity": p.level === "on-chip" && levels.length > 1 ? 0.12 : 0.45, stroke: colour });
    tipOn(mark, `${L.name[p.i]}${L.count[p.i] > 1 ? ` (×${L.count[p.i]})` : ""} · ${d.scenarios[L.scenario[p.i]].name}`, [["bound by", BOUND_WORDS[bound]], ["share of the scenario", show(p.share, "share")], ["ops/B off chip", L.dram_bytes[p.i] > 0 ? sig(L.ops[p.i] / L.dram_bytes[p.i]) : "stays on chip"], ["ops/B on chip", L.buffer_bytes[p.i] > 0 ? sig(L.ops[p.i] / L.buffer_bytes[p.i]) : "–"], ["attained", show(p.y, "rate")], ["of the peak", show(p.y / peak, "share")], ["time", show(L.time_s[p.i] * L.count[p.i], "time")]]);
    svg.append(mark);
  }
  svg.append(...labels);
  const bounds = BOUND_NAMES.filter((b) => rows.some((i) => BOUND_NAMES[L.bound[i]] === b));
  legend(figure, bounds.map((b) => [`var(--${b})`, `bound by ${BOUND_WORDS[b]}`]));
  const binds = only === null ? [slope > array ? "off-chip memory" : "the array", show(Math.max(slope, array), "share")] : [d.scenarios[only].bound.replace("memory", "off-chip memory").replace("compute", "the array"), show(d.scenarios[only].bound_fraction, "share")];
  title(figure, `Roofline of design ${d.letter}${only === null ? "" : `, ${d.scenarios[only].name}`}: ${binds[0]} binds ${binds[1]} of the time`);
  const right = points.filter((p) => p.x >= edge * 0.999).length;
  note(figure, `Each bubble is a layer${only === null ? " of a scenario" : ` of ${d.scenarios[only].name}`}; its area is its share of the ${only === null ? "time, every scenario alike" : "scenario's time"}. On-chip intensity counts every byte between buffer and arrays${choice.level === "off-chip" ? "" : "; the SRAM roof is what the edges of the arrays take in each cycle"}.${right ? ` ${right} that move next to nothing stand at the right edge.` : ""}${below ? ` ${below} below the frame take less than 0.2% of the time each.` : ""}`);
}

// A scenario's name cut to so many characters, its batch kept.
function shortScenario(name, most) {
  const at = name.lastIndexOf("@"), end = at < 0 ? "" : name.slice(at);
  return name.length > most ? `${name.slice(0, Math.max(3, most - 1 - end.length))}…${end}` : name;
}
function drawBounds(d) {
  const figure = byId("bounds"), narrow = figure.clientWidth < 560, row = 24, left = narrow ? 138 : 190;
  const height = d.scenarios.length * row + 40;
  const { svg, width } = canvas(figure, height, `Share of each scenario's time by what binds it on design ${d.letter}. All in all: ${Object.entries(d.bound_share).map(([b, v]) => `${BOUND_WORDS[b]} ${show(v, "share")}`).join(", ")}.`);
  const right = width - (narrow ? 62 : 150), sx = linearScale(0, 1, left, right);
  for (const tick of [0, 0.25, 0.5, 0.75, 1]) svg.append(s("path", { class: "grid", d: `M${sx(tick)} 4V${height - 34}` }), s("text", { x: sx(tick), y: height - 18, "text-anchor": "middle" }, show(tick, "share")));
  svg.append(s("text", { class: "title", x: left, y: height - 2 }, "share of the scenario's time →"));
  const used = new Set();
  d.scenarios.forEach((sc, k) => {
    const by = {}, L = d.layers;
    for (const i of layerRows(d, k)) { const b = BOUND_NAMES[L.bound[i]]; by[b] = (by[b] || 0) + L.time_s[i] * L.count[i]; }
    const total = Object.values(by).reduce((a, b) => a + b, 0), y = k * row + 6;
    const name = narrow ? shortScenario(sc.name, 18) : sc.name;
    svg.append(s("text", { x: left - 8, y: y + 13, "text-anchor": "end" }, name));
    let at = 0;
    for (const b of BOUND_NAMES) if (by[b]) {
      used.add(b);
      const share = by[b] / total;
      svg.append(tipOn(s("rect", { class: "bar", x: sx(at), y, width: Math.max(0.5, sx(at + share) - sx(at)), height: row - 7, fill: `var(--${b})` }), sc.name, [[BOUND_WORDS[b], show(share, "share")], ["time", show(by[b], "time")], ["latency of the batch", show(sc.latency_s, "time")], ["stands", sc.stands]]));
      at += share;
    }
    svg.append(s("text", { x: right + 8, y: y + 13 }, narrow ? show(sc.latency_s, "time") : `${show(sc.latency_s, "time")} · ${show(sc.utilisation_fraction, "share")} used`));
  });
  legend(figure, BOUND_NAMES.filter((b) => used.has(b)).map((b) => [`var(--${b})`, BOUND_WORDS[b], ""]));
  title(figure, `What binds the time of each scenario on design ${d.letter}`);
  note(figure, "Each layer's time is given to what takes longest in it. Right: latency of one run of the batch, and the share of the peak that is used.");
}

const ENERGY_COLOURS = { array: "var(--blue)", vector: "var(--green)", SRAM: "var(--sky)", DRAM: "var(--orange)", static: "var(--grey)" };
const MOST_LAYERS = 22;
function drawLayers(d) {
  const figure = byId("layers"), plot = figure.querySelector("[data-plot]"), L = d.layers;
  const k = choice.scenario === null ? slowest(d) : choice.scenario, rows = layerRows(d, k);
  const timeOf = (i) => L.time_s[i] * L.count[i], energyOf = (i) => Object.values(L.energy_j).reduce((sum, part) => sum + part[i], 0) * L.count[i];
  const kept = [...rows].sort((a, b) => timeOf(b) - timeOf(a)).slice(0, MOST_LAYERS).sort((a, b) => a - b);
  const rest = rows.filter((i) => !kept.includes(i));
  const both = plot.clientWidth > 860, row = 23, height = kept.length * row + 42;
  const panes = [h("div", { "data-plot": "" }, ""), h("div", { "data-plot": "" }, "")];
  plot.replaceChildren(h("div", { class: "pair" }, ["Time", "Energy"].map((name, i) => h("div", {}, h("h4", {}, name), panes[i]))));
  const paint = (pane, what, names, label, parts, total, dimension) => {
    const width = Math.max(pane.clientWidth, 260), left = names ? Math.min(150, width * 0.36) : 8, right = width - 74;
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
    const sx = linearScale(0, Math.max(...kept.map(total)), left, right);
    for (const tick of sx.ticks(Math.max(2, Math.floor((right - left) / 80)))) svg.append(s("path", { class: "grid", d: `M${sx(tick)} 0V${height - 38}` }), s("text", { x: sx(tick), y: height - 22, "text-anchor": "middle" }, show(tick, dimension)));
    svg.append(s("text", { class: "title", x: left, y: height - 4 }, `${what} →`));
    kept.forEach((i, at) => {
      const y = at * row + 3, shown = `${L.name[i]}${L.count[i] > 1 ? ` ×${L.count[i]}` : ""}`, most = Math.floor(left / 6.6);
      if (names) svg.append(s("text", { x: left - 7, y: y + 13, "text-anchor": "end" }, shown.length > most ? `…${shown.slice(-most + 1)}` : shown));
      let from = 0;
      for (const [amount, colour, rowsOfTip] of parts(i)) if (amount > 0) {
        svg.append(tipOn(s("rect", { class: "bar", x: sx(from), y, width: Math.max(0.7, sx(from + amount) - sx(from)), height: row - 6, fill: colour }), `${shown} · ${L.kind[i]}`, rowsOfTip));
        from += amount;
      }
      svg.append(s("text", { x: sx(total(i)) + 6, y: y + 13 }, show(total(i), dimension)));
    });
    pane.replaceChildren(svg);
  };
  const name = d.scenarios[k].name;
  paint(panes[0], "time of all runs of the layer", true, `Time by layer of ${name} on design ${d.letter}; the longest is ${L.name[[...kept].sort((a, b) => timeOf(b) - timeOf(a))[0]]}.`,
    (i) => [[timeOf(i), `var(--${BOUND_NAMES[L.bound[i]]})`, [["bound by", BOUND_WORDS[BOUND_NAMES[L.bound[i]]]], ["array", show(L.compute_s[i] * L.count[i], "time")], ["vector lanes", show(L.vector_s[i] * L.count[i], "time")], ["memory", show(L.memory_s[i] * L.count[i], "time")], ["waiting", show(L.waiting_s[i] * L.count[i], "time")], ["off-chip bytes", show(L.dram_bytes[i] * L.count[i], "traffic")]]]], timeOf, "time");
  paint(panes[1], "energy of all runs of the layer", !both, `Energy by layer of ${name} on design ${d.letter}, by what takes it.`,
    (i) => Object.entries(L.energy_j).map(([part, column]) => [column[i] * L.count[i], ENERGY_COLOURS[part], [...Object.entries(L.energy_j).map(([p, c]) => [p, show(c[i] * L.count[i], "energy")]), ["together", show(energyOf(i), "energy")]]]), energyOf, "energy");
  const bounds = [...new Set(kept.map((i) => BOUND_NAMES[L.bound[i]]))];
  legend(figure, [...bounds.map((b) => [`var(--${b})`, `time bound by ${BOUND_WORDS[b]}`, ""]), ...Object.entries(ENERGY_COLOURS).filter(([part]) => kept.some((i) => L.energy_j[part][i] > 0)).map(([part, colour]) => [colour, `energy: ${part}`, ""])]);
  title(figure, `Time and energy by layer: ${name} on design ${d.letter}`);
  const left = rest.reduce((sum, i) => sum + timeOf(i), 0), all = rows.reduce((sum, i) => sum + timeOf(i), 0);
  note(figure, `In order of execution; equal layers stand once with their count.${rest.length ? ` ${rest.length} shorter ones, ${show(left / all, "share")} of the time together, are left out.` : ""}`);
}

const PART_COLOURS = ["var(--blue)", "var(--sky)", "var(--green)", "var(--orange)", "var(--grey)", "var(--purple)"];
function drawCosts(d) {
  const figure = byId("costs"), plot = figure.querySelector("[data-plot]");
  const order = ["array", "compute", "die", "sram", "package", "vector", "test", "memory", "dram", "bandwidth", "fixed", "static", "base", "nre"];
  const one = (name, dimension, parts, total, limit) => {
    const entries = Object.entries(parts).sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]));
    return h("div", {}, h("h4", {}, `${name} ${show(total, dimension)}`, limit ? h("span", { class: "said" }, ` of ${show(limit, dimension)}`) : null),
      h("div", { class: "strip", role: "img", "aria-label": `${name}: ${entries.map(([part, v]) => `${part} ${show(v, dimension)}`).join(", ")}` }, entries.map(([part, v], i) => tipOn(h("i", { style: `flex:${v / total};background:${PART_COLOURS[i % 6]}` }), part, [[name.toLowerCase(), show(v, dimension)], ["share", show(v / total, "share")]]))),
      h("ul", { class: "parts" }, entries.map(([part, v], i) => h("li", {}, h("i", { class: "chip", style: `background:${PART_COLOURS[i % 6]}` }), h("span", {}, part.replace("sram", "SRAM").replace("dram", "DRAM").replace("memory", "memory PHY").replace("nre", "design and masks")), show(v, dimension), h("span", { style: "flex:0 0 44px;text-align:right" }, show(v / total, "share"))))));
  };
  plot.replaceChildren(h("div", { class: "costs" }, one("Price", "price", d.costs.price, d.totals.price_usd, metric.price.limit), one("Area", "area", d.costs.area, d.totals.area_mm2, metric.area.limit), one("Peak power", "power", d.costs.power, d.totals.power_w, metric.power.limit)));
  title(figure, `What design ${d.letter} is made of: price, area and peak power`);
  const doubtful = data.assumptions.filter((line) => line.unverified).length;
  note(figure, `Price is the cost of manufacture at the dates below; ${doubtful} of the ${data.assumptions.length} values behind these figures are unverified, and marked there.${d.costs.yield_fraction ? ` Yield of the die: ${show(d.costs.yield_fraction, "share")}.` : ""}`);
}

const LEVER_COLOURS = { hardware: "var(--blue)", use: "var(--green)", clock: "var(--grey)" };
const LEVER_WORDS = { hardware: "bought", use: "at no price", clock: "if the process reaches it" };
function drawLevers(d) {
  const figure = byId("levers"), narrow = figure.clientWidth < 640, row = narrow ? 40 : 28, levers = d.levers.filter((l) => l.speed !== null), left = 104;
  const height = levers.length * row + 42, best = levers[0];
  const { svg, width } = canvas(figure, height, `Speed of design ${d.letter} with each lever: ${levers.map((l) => `${l.name} ${times(l.speed)}${l.breaks ? ` (breaks ${l.breaks})` : ""}`).join(", ")}.`);
  const right = narrow ? width - 20 : width * 0.52, high = Math.max(1.1, ...levers.map((l) => l.speed)), low = Math.min(1, ...levers.map((l) => l.speed));
  const sx = linearScale(low < 0.97 ? Math.floor(low * 10) / 10 : 0.95, high * 1.04, left, right);
  for (const tick of sx.ticks(Math.max(4, Math.floor((right - left) / 60)))) svg.append(s("path", { class: "grid", d: `M${sx(tick)} 0V${height - 36}` }), s("text", { x: sx(tick), y: height - 20, "text-anchor": "middle" }, times(tick)));
  svg.append(s("path", { class: "axis", d: `M${sx(1)} 0V${height - 36}`, style: "stroke:var(--ink)" }), s("text", { class: "title", x: left, y: height - 3 }, narrow ? "speed against the design as it is →" : "inferences in the same time, against the design as it is →"));
  levers.forEach((l, i) => {
    const y = i * row + 4, from = sx(Math.min(1, l.speed)), to = sx(Math.max(1, l.speed));
    const price = l.price_change_usd === 0 ? "no price" : (l.price_change_usd > 0 ? "+" : "−") + show(Math.abs(l.price_change_usd), "price");
    const said = [times(l.speed), price, narrow ? null : `energy ${times(l.energy_ratio)}`, l.breaks ? `breaks ${l.breaks}` : null].filter(Boolean).join(" · ");
    svg.append(s("text", { class: l.breaks ? null : "title", x: left - 8, y: y + 13, "text-anchor": "end" }, crossed(l.name)));
    svg.append(tipOn(s("rect", { class: "bar", x: from, y, width: Math.max(1.5, to - from), height: 17, fill: LEVER_COLOURS[l.kind], opacity: l.breaks ? 0.4 : 1 }), crossed(l.name), [["what", crossed(l.description)], ["speed", times(l.speed)], ["energy per inference", times(l.energy_ratio)], ["price", `${l.price_change_usd >= 0 ? "+" : "−"}${show(Math.abs(l.price_change_usd), "price")}`], ["power", show(l.power_w, "power")], ["area", show(l.area_mm2, "area")], ["breaks", l.breaks || "no limit"]]));
    svg.append(s("text", { class: "halo", x: narrow ? 8 : right + 14, y: narrow ? y + 30 : y + 13 }, said));
  });
  legend(figure, Object.keys(LEVER_COLOURS).filter((kind) => levers.some((l) => l.kind === kind)).map((kind) => [LEVER_COLOURS[kind], LEVER_WORDS[kind], ""]));
  title(figure, best ? `What each lever would do for design ${d.letter}: ${crossed(best.name)} most, ${times(best.speed)}` : "What each lever would do");
  const more = data.designs.some((other) => other.levers.some((l) => l.name === "batch x2"));
  note(figure, `Each is one change, evaluated again; faint ones break a limit of the budget.${more ? "" : " Larger batches: see the next chart. Narrower numbers: copy the YAML and run dse evaluate."}`);
}

function drawBatch(d) {
  const figure = byId("batch"), plot = figure.querySelector("[data-plot]"), curves = d.batches;
  if (!curves.some((c) => c.batch.length > 1)) { figure.hidden = true; return; }
  const panes = [["latency_s", "Latency of the batch", "time"], ["throughput_per_s", "Throughput", "throughput"]].map(([key, name, dimension]) => ({ key, name, dimension, pane: h("div", {}) }));
  plot.replaceChildren(h("div", { class: "pair" }, panes.map((p) => h("div", {}, p.pane))));
  for (const { key, name, dimension, pane } of panes) {
    const width = Math.max(pane.clientWidth, 260), height = 300, box = { left: 64, right: width - 12, top: 28, bottom: height - 44 };
    const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${name} against batch size on design ${d.letter}: ${curves.map((c) => `${c.network} ${show(c[key][0], dimension)} at ${c.batch[0]} to ${show(c[key].at(-1), dimension)} at ${c.batch.at(-1)}`).join("; ")}.` });
    pane.replaceChildren(svg);
    const [bLow, bHigh] = extent(curves.flatMap((c) => c.batch)), [low, high] = extent(curves.flatMap((c) => c[key]));
    const sx = logScale(bLow / 1.1, bHigh * 1.1, box.left, box.right), sy = logScale(low / 1.4, high * 1.4, box.bottom, box.top);
    frame(svg, box, { scale: sx, title: "batch size (samples)", ticks: [...new Set(curves.flatMap((c) => c.batch))].sort((a, b) => a - b), show: (v) => String(v) }, { scale: sy, dimension, title: name.toLowerCase() + (key === "throughput_per_s" ? ", inferences a second" : "") });
    curves.forEach((c, i) => {
      const colour = SERIES[i % SERIES.length];
      svg.append(s("path", { d: c.batch.map((b, k) => `${k ? "L" : "M"}${sx(b)} ${sy(c[key][k])}`).join(""), fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": i >= SERIES.length ? "5 3" : null }));
      c.batch.forEach((b, k) => svg.append(tipOn(s("circle", { class: "point", cx: sx(b), cy: sy(c[key][k]), r: 4, fill: c.stated[k] ? colour : "var(--card)", stroke: colour, "stroke-width": 1.5 }), `${c.network}, batch ${b}`, [["latency", show(c.latency_s[k], "time")], ["throughput", show(c.throughput_per_s[k], "throughput")], ["energy per inference", show(c.energy_per_inference_j[k], "energy")]])));
    });
  }
  legend(figure, curves.map((c, i) => [SERIES[i % SERIES.length], c.network]));
  title(figure, `Latency and throughput against batch size on design ${d.letter}`);
  const most = curves.map((c) => [c.network, c.throughput_per_s.at(-1) / c.throughput_per_s[0], c.batch.at(-1), c.batch[0]]).sort((a, b) => b[1] - a[1])[0];
  note(figure, `${most[1] > 1.05 ? `Batching pays most for ${most[0]}: batch ${most[2]} serves ${times(most[1])} what batch ${most[3]} does. ` : ""}${curves.some((c) => c.stated.includes(false)) ? "Filled points are the workload's own batches, open ones are evaluated for this chart." : "The batches are those of the workload."}`);
}

function drawScenarios(d) {
  const holder = byId("scenarios"), grid = holder.querySelector("table");
  const buy = (pick) => (pick ? `${crossed(pick.lever)}: ${pick.speed ? times(pick.speed) : ""} for ${show(pick.price_change_usd, "price")}` : "–");
  const columns = [["scenario", (x) => x.name, true], ["latency", (x) => show(x.latency_s, "time")], ["inferences", (x) => show(x.throughput_per_s, "throughput")], ["peak used", (x) => show(x.utilisation_fraction, "share")], ["energy", (x) => show(x.energy_j, "energy")], ["off-chip traffic", (x) => show(x.dram_bytes, "traffic")], ["binds", (x) => `${x.bound} ${show(x.bound_fraction, "share")}`, true], ["ops/B, share of ridge", (x) => (x.ridge_fraction === null ? "–" : x.ridge_fraction < 10 ? show(x.ridge_fraction, "share") : times(x.ridge_fraction))], ["most for a dollar", (x) => buy(x.buy), true]];
  grid.tHead.replaceChildren(h("tr", {}, columns.map(([name, , left], i) => h("th", { scope: "col", class: i === 0 ? "first" : left ? "text" : null }, name))));
  grid.tBodies[0].replaceChildren(...d.scenarios.map((x) => h("tr", {}, columns.map(([, text, left], i) => h("td", { class: i === 0 ? "first" : left ? "text" : null }, text(x))))));
  title(holder, `Every scenario on design ${d.letter}`);
}

function scenarioControls() {
  const names = data.workload.scenarios.map((sc, i) => [String(i), sc.name]);
  const set = (chosen) => { choice.scenario = chosen === "" ? null : Number(chosen); drawDesign(); };
  const refresh = (holder, first) => { if (names.length > 1) holder.append(select("scenario", [["", first], ...names], "", (chosen) => { set(chosen); document.querySelectorAll("select[data-scenario]").forEach((list) => { list.value = chosen; }); })); holder.querySelectorAll("select").forEach((list) => list.setAttribute("data-scenario", "")); };
  const top = byId("roofline").querySelector("[data-controls]");
  refresh(top, "all of them");
  const level = select("bytes", [["off-chip", "off chip"], ["on-chip", "on chip"], ["both", "both levels"]], choice.level, (chosen) => { choice.level = chosen; drawRoofline(detail().design); });
  top.append(level);
  refresh(byId("layers").querySelector("[data-controls]"), "the one that takes longest");
}
function drawDesign() {
  const { design: d, standsIn } = detail();
  const banner = byId("stands-in");
  banner.hidden = !standsIn;
  banner.textContent = standsIn ? `${rowName(state.at)} is selected. Layer detail is stored for the lettered designs alone; the nearest of them, ${d.letter}, is shown below.` : "";
  byId("design-title").textContent = standsIn ? `Design ${d.letter}, the nearest with layer detail` : `Design ${d.letter}, layer by layer`;
  byId("letters").replaceChildren(...(data.designs.length > 1 ? data.designs : []).map((x) => h("button", { type: "button", "aria-pressed": String(x === d && !standsIn), "aria-label": `Design ${x.letter}${isKnee(x.row) ? ", the knee" : ""}`, onclick: () => chooseLetter(x.letter) }, x.letter + (isKnee(x.row) ? " *" : ""))));
  for (const draw of [drawMachine, drawRoofline, drawBounds, drawLayers, drawCosts, drawLevers, drawBatch, drawScenarios]) draw(d);
}
