// The workload on any machine, and what the search says of the space.
const reuseChoice = { at: 0 };
// Letters in a row as a span: B, D to F -> "B D–F".
function spans(letters) {
  const order = data.designs.map((d) => d.letter), runs = [];
  for (const at of letters.map((letter) => order.indexOf(letter)).sort((a, b) => a - b)) {
    if (runs.length && runs.at(-1)[1] === at - 1) runs.at(-1)[1] = at; else runs.push([at, at]);
  }
  return runs.map(([a, b]) => (b > a + 1 ? `${order[a]}–${order[b]}` : b > a ? `${order[a]} ${order[b]}` : order[a])).join(" ");
}
function drawReuse() {
  const figure = byId("reuse"), r = data.reuse;
  if (!r) { figure.hidden = true; return; }
  const c = r.curves[reuseChoice.at], height = 340;
  const kept = c.kept.sram_bytes.map((x, i) => [x, c.kept.traffic_bytes[i]]), alone = c.alone.sram_bytes.map((x, i) => [x, c.alone.traffic_bytes[i]]);
  const doubled = data.parameters.find((p) => p.name === "double_buffer"), sram = data.parameters.find((p) => p.name === "sram");
  const marks = data.designs.map((d) => {
    const at = front.rows.indexOf(d.row), of = (p) => p.values[p.values.length > 1 ? front.choice[at][place[p.name]] : 0];
    return { letter: d.letter, row: d.row, x: of(sram) * (r.double_buffer && !of(doubled) ? 2 : 1), y: (d.scenarios.find((sc) => sc.name === c.scenario) || {}).dram_bytes };
  }).filter((m) => m.y);
  const lowX = Math.min(...marks.map((m) => m.x), ...kept.map((p) => p[0])) / (kept.length < 4 ? 64 : 4);
  const highX = Math.max(...marks.map((m) => m.x), ...kept.map((p) => p[0]), alone.at(-1)[0] < 2 ** 36 ? alone.at(-1)[0] : 0) * 1.6;
  const first = Math.max(0, alone.findIndex((p) => p[0] >= lowX) - 1), inside = alone.filter((p, i) => i >= first && p[0] <= highX), ys = extent([...inside, ...kept].map((p) => p[1]).concat(marks.map((m) => m.y), kept.length ? [] : [c.compulsory_bytes]));
  if (!Number.isFinite(ys[0])) return;
  const { svg, width } = canvas(figure, height, `Off-chip traffic of ${c.scenario} against on-chip SRAM: ${kept.length ? `${show(kept[0][1], "traffic")} with ${show(kept[0][0], "bytes")} to ${show(kept.at(-1)[1], "traffic")} with ${show(kept.at(-1)[0], "bytes")}` : ""}; each layer once through: ${show(c.compulsory_bytes, "traffic")}.`);
  const box = { left: 70, right: width - 14, top: 30, bottom: height - 46 };
  const sx = logScale(lowX, highX, box.left, box.right), sy = logScale(ys[0] / 1.4, ys[1] * 1.4, box.bottom, box.top);
  frame(svg, box, { scale: sx, binary: true, title: "on-chip SRAM", show: (v) => show(v, "bytes") }, { scale: sy, dimension: "traffic", title: "off-chip traffic of one run" });
  const stairs = (points) => { const before = points.filter((p) => p[0] < lowX).at(-1), from = before ? [[lowX, before[1]], ...points.filter((p) => p[0] >= lowX)] : points; return from.filter((p) => p[0] <= highX).map(([x, y], i) => (i ? `H${sx(x)}V${sy(y)}` : `M${sx(x)} ${sy(y)}`)).join("") + `H${box.right}`; };
  svg.append(s("path", { d: stairs(alone), fill: "none", stroke: "var(--grey)", "stroke-width": 1.8 }));
  if (kept.length) svg.append(s("path", { d: stairs(kept), fill: "none", stroke: "var(--blue)", "stroke-width": 2.4 }));
  if (c.compulsory_bytes > ys[0] / 1.4 && c.compulsory_bytes < ys[1] * 1.4) svg.append(s("path", { d: `M${box.left} ${sy(c.compulsory_bytes)}H${box.right}`, stroke: "var(--soft)", "stroke-dasharray": "4 4", fill: "none" }), s("text", { class: "halo", x: box.left + 6, y: sy(c.compulsory_bytes) + 15 }, `${width < 560 ? "all" : "every layer's"} operands once: ${show(c.compulsory_bytes, "traffic")}`));
  const groups = [];
  for (const m of marks) {
    const group = groups.find(([first]) => Math.abs(sx(first.x) - sx(m.x)) < 26 && Math.abs(sy(first.y) - sy(m.y)) < 16);
    if (group) group.push(m); else groups.push([m]);
  }
  for (const group of groups) {
    const [cx, cy] = [sx(group[0].x), sy(group[0].y)];
    const dot = s("circle", { class: "point", cx, cy, r: 5, fill: "var(--orange)", stroke: "var(--card)" });
    svg.append(tipOn(dot, `Design ${group.map((m) => m.letter).join(", ")}`, [["SRAM", show(group[0].x, "bytes")], ["off-chip traffic", show(group[0].y, "traffic")]]));
    svg.append(s("text", { class: "strong halo", x: cx, y: cy - 10, "text-anchor": "middle" }, spans(group.map((m) => m.letter))));
    if (group.some((m) => m.row === front.rows[state.at])) svg.append(s("circle", { class: "ring", cx, cy, r: 9 }));
  }
  legend(figure, [["var(--blue)", "tensors kept on chip between layers where that saves bytes", "rule"], ["var(--grey)", "each layer alone", "rule"], ["var(--orange)", "lettered designs"]]);
  title(figure, `Off-chip traffic against on-chip SRAM: ${c.scenario}`);
  note(figure, `The least that any mapping moves. ${r.double_buffer ? "Half of the SRAM holds live tiles (double buffering); single-buffered designs stand at twice their SRAM." : "All of the SRAM holds live tiles."}${r.sram_efficiency < 1 ? ` ${show(r.sram_efficiency, "share")} of it acts as a scratchpad.` : ""} The blue line is known at the sizes of SRAM that the space has.${r.machine_moves_more ? " The machines of this space move more than that: whole array tiles of weights, or weights more than once." : ""}`);
}
function reuseControls() {
  const r = data.reuse;
  if (!r || r.curves.length < 2) return;
  reuseChoice.at = r.curves.reduce((best, c, i) => (c.alone.traffic_bytes[0] > r.curves[best].alone.traffic_bytes[0] ? i : best), 0);
  byId("reuse").querySelector("[data-controls]").append(select("scenario", r.curves.map((c, i) => [String(i), c.scenario]), String(reuseChoice.at), (chosen) => { reuseChoice.at = Number(chosen); drawReuse(); }));
}

function drawImportance() {
  const figure = byId("importance"), found = data.importance;
  if (!found) { figure.hidden = true; return; }
  const goals = Object.keys(found.shares), names = Object.keys(found.shares[goals[0]]);
  const order = [...names].sort((a, b) => Math.max(...goals.map((g) => found.shares[g][b])) - Math.max(...goals.map((g) => found.shares[g][a])));
  const narrow = figure.clientWidth < 560, each = 9 * goals.length + 12, left = 118, height = (order.length + 1) * each + 36;
  const together = (g) => Math.max(0, 1 - names.reduce((sum, n) => sum + found.shares[g][n], 0));
  const { svg, width } = canvas(figure, height, `Share of the variance that each parameter explains alone: ${goals.map((g) => { const top = [...names].sort((a, b) => found.shares[g][b] - found.shares[g][a])[0]; return `${g}: ${top} ${show(found.shares[g][top], "share")}`; }).join("; ")}.`);
  const most = Math.max(0.1, ...goals.flatMap((g) => [...names.map((n) => found.shares[g][n]), together(g)]));
  const sx = linearScale(0, most * 1.02, left, width - (narrow ? 44 : 60));
  for (const tick of sx.ticks(narrow ? 3 : 6)) svg.append(s("path", { class: "grid", d: `M${sx(tick)} 0V${height - 34}` }), s("text", { x: sx(tick), y: height - 18, "text-anchor": "middle" }, show(tick, "share")));
  svg.append(s("text", { class: "title", x: left, y: height - 2 }, "share of the variance explained →"));
  [...order, null].forEach((name, i) => {
    const y = i * each + 4;
    svg.append(s("text", { class: name ? "title" : null, x: left - 8, y: y + each / 2, "text-anchor": "end" }, name ? wordsOf(name) : "acting together"));
    goals.forEach((g, k) => {
      const share = name ? found.shares[g][name] : together(g);
      svg.append(tipOn(s("rect", { class: "bar", x: sx(0), y: y + k * 9, width: Math.max(0.8, sx(share) - sx(0)), height: 8, fill: SERIES[k], opacity: name ? 1 : 0.45 }), name ? name.replaceAll("_", " ") : "several parameters together", [[g, show(share, "share")]]));
      if (share >= 0.03) svg.append(s("text", { x: sx(share) + 5, y: y + k * 9 + 8, style: "font-size:10.5px" }, show(share, "share")));
    });
  });
  legend(figure, goals.map((g, k) => [SERIES[k], g, ""]));
  const tops = goals.map((g) => [g, [...names].sort((a, b) => found.shares[g][b] - found.shares[g][a])[0]]);
  title(figure, `Which parameters matter: ${tops.map(([g, n]) => `${wordsOf(n)} for ${g}`).join(", ")}`);
  note(figure, `First-order share of the variance of each objective's logarithm (epsilon squared, Kelley 1935) over ${found.ran.toLocaleString("en-US")} ${found.whole ? "designs, all of the space that run" : found.ran === found.sample ? "designs drawn evenly from the whole space" : `designs that run, of ${found.sample.toLocaleString("en-US")} drawn evenly from the whole space`}; ${found.feasible.toLocaleString("en-US")} of them keep the budget. What no parameter explains alone is explained together.`);
}

function drawConvergence() {
  const figure = byId("convergence"), grown = data.convergence;
  if (!grown || grown.trials.length < 2) { figure.hidden = true; return; }
  const most = grown.exact || grown.final, known = grown.exact || data.search.certificate.kind === "exact", height = 300;
  const shares = grown.hypervolume.map((v) => v / most), final = grown.final / most;
  const half = grown.trials[shares.findIndex((v) => v >= 0.95 * final)];
  const { svg, width } = canvas(figure, height, `Hypervolume of the front over ${grown.trials.at(-1).toLocaleString("en-US")} trials, as a share of the ${known ? "exact" : "final"} front's: 95% of the final one after ${half.toLocaleString("en-US")} trials.`);
  const box = { left: 58, right: width - 16, top: 34, bottom: height - 46 };
  // The axis is even in the logarithm of what is missing, down to a tenth of the least that ever was; all of it stands at the top.
  const missing = shares.map((share) => Math.max(0, 1 - share)), least = Math.max(1e-5, Math.min(0.1, ...missing.filter((gap) => gap > 1e-9)));
  const part = logScale(least / 10, 1, box.top, box.bottom), sy = (share) => part(Math.min(1, Math.max(1 - share, least / 10)));
  sy.ticks = () => [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999].filter((share) => share === 0 || (1 - share > least * 0.3 && (share > 0.5 || sy(0) - sy(0.5) > 15))).concat(1);
  const written = (share) => `${Number((100 * share).toFixed(3))}%`, sx = logScale(1, grown.trials.at(-1), box.left, box.right);
  frame(svg, box, { scale: sx, title: "trials", show: (v) => v.toLocaleString("en-US") }, { scale: sy, title: `hypervolume, share of the ${known ? "exact" : "final"} front's`, show: written });
  svg.append(s("path", { d: `M${box.left} ${sy(1)}H${box.right}`, stroke: known ? "var(--purple)" : "var(--soft)", "stroke-width": 1.8, "stroke-dasharray": known ? null : "4 4", fill: "none" }));
  svg.append(s("path", { class: "line", d: grown.trials.map((t, i) => `${i ? "H" + sx(t) + "V" : "M" + sx(t) + " "}${sy(shares[i])}`).join(""), fill: "none", stroke: "var(--blue)", "stroke-width": 2.2 }));
  grown.trials.forEach((t, i) => svg.append(tipOn(s("circle", { class: "point", cx: sx(t), cy: sy(shares[i]), r: 3, fill: "var(--blue)" }), `After ${t.toLocaleString("en-US")} trials`, [["hypervolume", sig(grown.hypervolume[i], 4)], ["share", written(shares[i])]])));
  svg.append(s("text", { class: "halo", x: box.right - 4, y: sy(1) - 7, "text-anchor": "end" }, data.exact ? exactName() : known ? "exact front" : "front of this run"));
  title(figure, `How the front grew: 95% of its hypervolume after ${half.toLocaleString("en-US")} of ${grown.trials.at(-1).toLocaleString("en-US")} trials`);
  note(figure, `Volume in decades of the objectives that the front dominates; sampler ${data.search.sampler}${data.search.seed === null ? "" : `, seed ${data.search.seed}`}. ${grown.exact && data.search.certificate.kind !== "exact" ? `The search reached ${written(Math.floor(final * 1e5) / 1e5)} of the exact front's volume.` : data.search.certificate.kind === "exact" ? "The whole space was evaluated: this is the exact front." : "The exact front is not known here: dse front finds it, and dse report --exact draws it in."}`);
}
