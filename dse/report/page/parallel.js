// Every design across its free parameters and metrics; drag along an axis to keep what passes there, here and in every view.
function parallelAxes() {
  const shown = metrics.filter((m) => m.objective || ["price", "power", "area"].includes(m.name));
  return [...free.map((p) => ({ name: p.name, title: wordsOf(p.name), parameter: p })), ...shown.map((m) => ({ name: m.name, title: m.name, metric: m }))];
}
const LINES = 700;

function drawParallel() {
  const figure = byId("parallel");
  if (front.rows.length + (trials ? trials.total : 0) < 2 || !free.length) { figure.hidden = true; return; }
  const axes = parallelAxes(), plot = figure.querySelector("[data-plot]");
  const height = 380, least = axes.length * 68, width = Math.max(plot.clientWidth, least), top = 52, bottom = height - 26;
  const others = trials ? [...trials.dominated.choice.map((_, i) => [trials.dominated, i]), ...trials.infeasible.choice.map((_, i) => [trials.infeasible, i])] : [];
  const step = Math.max(1, Math.ceil(others.length / LINES)), behind = others.filter((_, i) => i % step === 0);
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", style: `width:${width}px;touch-action:pan-x pan-y`, "aria-label": `Parallel coordinates of ${front.rows.length} front designs and ${behind.length} others across ${axes.map((a) => a.title).join(", ")}.` });
  plot.replaceChildren(h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Parallel coordinates" }, svg));
  axes.forEach((axis, i) => {
    axis.at = 36 + (i * (width - 98)) / Math.max(1, axes.length - 1);
    if (axis.parameter) axis.scale = linearScale(0, Math.max(1, axis.parameter.values.length - 1), bottom, top);
    else {
      const [low, high] = extent([...front.metrics[axis.name], ...behind.map(([part, k]) => part.metrics[axis.name][k])]);
      axis.scale = logScale(low, high, bottom, top);
    }
  });
  const line = (part, k) => axes.map((a, i) => `${i ? "L" : "M"}${a.at.toFixed(1)} ${a.scale(axisValue(part, k, a.name)).toFixed(1)}`).join("");
  const group = (members, attributes) => svg.append(s("path", { d: members.map(([part, k]) => line(part, k)).join(""), fill: "none", ...attributes }));
  const passing = behind.filter(([part, k]) => brushed(part, k));
  group(passing, { stroke: "var(--grey)", "stroke-width": 0.7, opacity: anyBrush() ? 0.3 : 0.16 });
  const all = front.rows.map((_, k) => [front, k]), tone = metric[view.colour] || metrics[0];
  const [low, high] = extent(front.metrics[tone.name]);
  const share = (k) => (high > low ? Math.log(value(front, k, tone.name) / low) / Math.log(high / low) : 0.5);
  const on = all.filter(([, k]) => brushed(front, k));
  if (anyBrush()) group(all.filter(([, k]) => !brushed(front, k)), { stroke: "var(--line)", "stroke-width": 0.7, opacity: 0.5 });
  for (let bin = 0; bin < 10; bin += 1) group(on.filter(([, k]) => Math.min(9, Math.floor(share(k) * 10)) === bin), { class: "front", style: `stroke:${cividis((bin + 0.5) / 10)}`, "stroke-width": 1.2, opacity: 0.6 });
  svg.append(s("path", { class: "chosen", d: line(front, state.at), fill: "none", stroke: "var(--select)", "stroke-width": 3, "stroke-linejoin": "round" }));
  for (const axis of axes) {
    svg.append(s("path", { d: `M${axis.at} ${top}V${bottom}`, stroke: "var(--ink)", "stroke-width": 1.2 }));
    const words = axis.title.split(" ");
    words.forEach((word, i) => svg.append(s("text", { class: "title", x: axis.at, y: 16 + 14 * i, "text-anchor": "middle" }, word)));
    const ticks = axis.parameter ? axis.parameter.texts.map((text, i) => [i, shortText(text)]) : axis.scale.ticks(6).map((v) => [v, tickText(v, axis.metric.dimension)]);
    const thin = Math.ceil(ticks.length / 9);
    ticks.filter((_, i) => i % thin === 0 || (i === ticks.length - 1 && i % thin > thin / 2)).forEach(([v, text]) => svg.append(s("text", { class: "halo", x: axis.at + 5, y: axis.scale(v) + 4 }, text)));
    const brush = state.brushes[axis.name];
    if (brush) {
      const [a, b] = brush.map((v) => axis.scale(Math.min(Math.max(v, axis.scale.domain[0]), axis.scale.domain[1])));
      svg.append(s("rect", { x: axis.at - 8, y: Math.min(a, b) - 3, width: 16, height: Math.abs(a - b) + 6, fill: "var(--select)", opacity: 0.35, rx: 3 }));
    }
    const zone = s("rect", { x: axis.at - 18, y: top - 6, width: 36, height: bottom - top + 12, fill: "transparent", style: "cursor:row-resize;touch-action:none", "data-axis": axis.name });
    zone.addEventListener("pointerdown", (event) => startBrush(event, axis, svg, width));
    svg.append(zone);
  }
  const count = on.length;
  note(figure, `${width > plot.clientWidth + 1 && !isPaper() ? "Scroll sideways for all axes. " : ""}${anyBrush() ? `${count} of ${front.rows.length} front designs pass the brushes. ` : ""}${isPaper() ? "" : "Drag up or down along an axis to keep the designs that pass there; the front and the table follow. "}Lines are coloured by ${tone.name} (${show(low, tone.dimension)} dark, ${show(high, tone.dimension)} bright)${behind.length ? `; ${behind.length.toLocaleString("en-US")} of the ${(trials.total - front.total).toLocaleString("en-US")} other trials are grey` : ""}.`);
  const box = figure.querySelector("[data-controls]");
  box.replaceChildren(...(anyBrush() ? [h("button", { type: "button", onclick: () => { state.brushes = {}; changed("brush"); } }, "Clear brushes")] : []));
  title(figure, "Every design across its parameters: what the front has in common");
}
function startBrush(event, axis, svg, width) {
  event.preventDefault();
  const y = (e) => { const r = svg.getBoundingClientRect(); return (e.clientY - r.top) * (width / r.width); };
  const from = y(event), [low, high] = axis.scale.domain, mark = s("rect", { x: axis.at - 8, width: 16, fill: "var(--select)", opacity: 0.35, rx: 3 });
  svg.append(mark);
  const move = (e) => { mark.setAttribute("y", Math.min(from, y(e))); mark.setAttribute("height", Math.abs(y(e) - from)); };
  const back = (at) => { const a = axis.scale(low), b = axis.scale(high), share = (at - a) / (b - a); return axis.parameter ? low + share * (high - low) : low * (high / low) ** share; };
  const stop = (e) => {
    removeEventListener("pointermove", move); removeEventListener("pointerup", stop); removeEventListener("pointercancel", stop);
    const to = y(e);
    if (Math.abs(to - from) < 4) delete state.brushes[axis.name];
    else { const ends = [back(from), back(to)].sort((p, q) => p - q); state.brushes[axis.name] = axis.parameter ? [ends[0] - 0.25, ends[1] + 0.25] : [ends[0] * (1 - 1e-9), ends[1] * (1 + 1e-9)]; }
    changed("brush");
  };
  addEventListener("pointermove", move); addEventListener("pointerup", stop); addEventListener("pointercancel", stop);
}
