// What is selected and brushed, and what a design of the front is.
const metrics = data.metrics, front = data.front, trials = data.trials;
const metric = Object.fromEntries(metrics.map((m) => [m.name, m]));
const free = data.parameters.filter((p) => p.values.length > 1);
const place = Object.fromEntries(free.map((p, i) => [p.name, i]));
const wordsOf = (name) => name.replaceAll("_", " ").replace("sram", "SRAM");
const shortText = (text) => text.replace("weight_stationary_double_buffered", "ws double").replace("weight_stationary", "ws").replace("output_stationary", "os").replace("input_stationary", "is").replace("row_stationary", "rs").replace("dot_product", "dot");
const letterOf = (row) => front.letters[row] || null;
const detailOf = Object.fromEntries(data.designs.map((d) => [d.letter, d]));
const state = { at: Math.max(0, front.rows.indexOf(front.knee)), brushes: {}, words: [] };
const listeners = [];
const changed = (what) => listeners.forEach((listen) => listen(what));

const isKnee = (row) => row === front.knee && front.total > 1;
const rowName = (at) => { const row = front.rows[at]; return letterOf(row) ? `Design ${letterOf(row)}${isKnee(row) ? ", the knee" : ""}` : `Row ${row} of front.csv`; };
const shortName = (at) => letterOf(front.rows[at]) || String(front.rows[at]);
const value = (part, at, name) => part.metrics[name][at];
const choiceText = (parameter, part, at) => (parameter.values.length > 1 ? parameter.texts[part.choice[at][place[parameter.name]]] : parameter.texts[0]);
function describe(part, at) {
  const fixed = data.parameters.filter((p) => p.values.length > 1 || ["sram", "memory", "frequency"].includes(p.name));
  return [...metrics.filter((m) => m.objective || ["price", "area", "power"].includes(m.name)).map((m) => [m.name, show(value(part, at, m.name), m.dimension)]),
    ...fixed.map((p) => [wordsOf(p.name), shortText(choiceText(p, part, at))])];
}

// The lettered design that stands in for one without layer detail: nearest in the logarithms of the objectives.
function detail() {
  const row = front.rows[state.at], letter = letterOf(row);
  if (letter) return { design: detailOf[letter], standsIn: false };
  const names = metrics.filter((m) => m.objective).map((m) => m.name);
  const spans = names.map((name) => { const [low, high] = extent(front.metrics[name]); return Math.log(high / low) || 1; });
  let best = null, least = Infinity;
  for (const design of data.designs) {
    const other = front.rows.indexOf(design.row);
    const far = names.reduce((sum, name, i) => sum + (Math.log(value(front, other, name) / value(front, state.at, name)) / spans[i]) ** 2, 0);
    if (far < least) { least = far; best = design; }
  }
  return { design: best, standsIn: true };
}
function choose(at) { if (at !== state.at) { state.at = at; changed("selection"); } }
const chooseLetter = (letter) => choose(front.rows.indexOf(detailOf[letter].row));

// Brushes: parameter or metric name -> [low, high] in places of its values or in its own unit.
const axisValue = (part, at, name) => (name in place ? part.choice[at][place[name]] : value(part, at, name));
const brushed = (part, at) => Object.entries(state.brushes).every(([name, [low, high]]) => { const v = axisValue(part, at, name); return v >= low && v <= high; });
const anyBrush = () => Object.keys(state.brushes).length > 0;

function yamlOf(at) {
  const rows = data.parameters.map((p) => `  ${p.name}: ${p.exact[p.values.length > 1 ? front.choice[at][place[p.name]] : 0]}\n`).join("");
  const name = `${data.space.name.slice(0, 48)}_${shortName(at).toLowerCase()}`;
  const what = `${rowName(at)}: front of ${data.workload.name} on ${data.space.name}`.replaceAll("'", "''");
  return `name: ${name}\ntitle: '${what}'\n\nparameters:\n${rows}\n${data.yaml.limits}${data.yaml.kept}`;
}
