// The table of front designs: sorted, filtered, copied as YAML.
const FIRST_ROWS = 20;
const table = { sort: null, down: false, all: false };
const cells = [
  ...metrics.map((m) => ({ name: m.name.replace("dram_bytes", "traffic"), key: (at) => value(front, at, m.name), text: (at) => show(value(front, at, m.name), m.dimension), raw: m })),
  ...free.map((p) => ({ name: wordsOf(p.name), key: (at) => (p.numeric ? p.values[front.choice[at][place[p.name]]] : p.texts[front.choice[at][place[p.name]]]), text: (at) => shortText(choiceText(p, front, at)), left: !p.numeric })),
];
const rowText = front.rows.map((row, at) => [shortName(at), isKnee(row) ? "knee" : "", ...cells.map((c) => c.text(at)), ...free.map((p) => choiceText(p, front, at))].join(" ").toLowerCase());

function drawTable() {
  const holder = byId("designs"), grid = byId("table");
  const head = (label, index, cls) => h("th", { scope: "col", class: cls, "aria-sort": table.sort === index ? (table.down ? "descending" : "ascending") : "none" },
    h("button", { type: "button", onclick: () => { table.down = table.sort === index ? !table.down : false; table.sort = index; drawTable(); } }, label));
  grid.tHead.replaceChildren(h("tr", {}, head("design", -1, "first"), cells.map((c, i) => head(c.name, i, c.left ? "text" : null))));
  let order = front.rows.map((_, at) => at).filter((at) => brushed(front, at) && state.words.every((word) => rowText[at].includes(word)));
  if (table.sort !== null) {
    const key = table.sort < 0 ? (at) => front.rows[at] : cells[table.sort].key;
    order.sort((p, q) => { const a = key(p), b = key(q); return (a < b ? -1 : a > b ? 1 : 0) * (table.down ? -1 : 1); });
  } else order.sort((p, q) => Boolean(letterOf(front.rows[q])) - Boolean(letterOf(front.rows[p])) || p - q);
  const found = order.length;
  if (!table.all) order = order.slice(0, FIRST_ROWS);
  grid.tBodies[0].replaceChildren(...order.map((at) => h("tr", { "aria-current": at === state.at ? "true" : null, "data-row": front.rows[at], onclick: () => choose(at) },
    h("td", { class: "first" }, h("button", { type: "button", "aria-label": `Select ${rowName(at)}` }, shortName(at)), isKnee(front.rows[at]) ? " knee" : null),
    cells.map((c) => h("td", { class: c.left ? "text" : null, "data-value": c.raw ? value(front, at, c.raw.name) : null }, c.text(at))))));
  byId("more").hidden = table.all || found <= FIRST_ROWS;
  byId("more").textContent = `Show all ${found.toLocaleString("en-US")}`;
  const scope = found < front.rows.length ? `${found.toLocaleString("en-US")} of ${front.rows.length.toLocaleString("en-US")} designs match.` : `${front.total.toLocaleString("en-US")} ${front.total === 1 ? "design" : "designs"}; letters are those with layer detail, numbers are rows of front.csv.`;
  note(holder, scope + (data.parameters.length > free.length ? ` The same in all: ${data.parameters.filter((p) => p.values.length === 1).map((p) => `${wordsOf(p.name)} ${shortText(p.texts[0])}`).join(", ")}.` : ""));
  title(holder, front.total === 1 ? "The design" : `Designs of the front, ${front.total.toLocaleString("en-US")} in all`);
}
function drawYaml() {
  byId("yaml").textContent = yamlOf(state.at);
  byId("copy").textContent = `Copy ${letterOf(front.rows[state.at]) ? `design ${shortName(state.at)}` : `row ${shortName(state.at)}`} as YAML`;
  byId("copied").textContent = "";
}
byId("filter").addEventListener("input", (event) => { state.words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean); drawTable(); });
byId("more").addEventListener("click", () => { table.all = true; drawTable(); });
byId("copy").addEventListener("click", async () => {
  const text = yamlOf(state.at);
  let done = true;
  try { await navigator.clipboard.writeText(text); } catch {
    const area = h("textarea", {}, text);
    document.body.append(area); area.select();
    done = document.execCommand("copy");
    area.remove();
  }
  byId("copied").textContent = done ? `Copied. Save it as design.yaml, then: dse evaluate ${data.workload.name} --on design.yaml` : "The browser refused; open the YAML below and copy it from there.";
});
