// Draw everything once, and again what a selection or a brush changes.
const pick = byId("pick");
const listPick = () => {
  const here = front.rows[state.at], letters = data.designs.map((d) => [String(d.row), `${d.letter}${isKnee(d.row) ? " (knee)" : ""}`]);
  const options = letterOf(here) ? letters : [...letters, [String(here), `row ${here}`]];
  pick.replaceChildren(...options.map(([row, text]) => h("option", { value: row, selected: Number(row) === here }, text)));
};
pick.addEventListener("change", () => choose(front.rows.indexOf(Number(pick.value))));
const paintAll = [drawPareto, drawTradeoff, drawParallel, drawTable, drawYaml, drawDesign, drawReuse, drawImportance, drawConvergence, listPick];
listeners.push((what) => {
  hideTip();
  const moved = what === "selection" ? paintAll.filter((paint) => paint !== drawImportance && paint !== drawConvergence) : [drawPareto, drawParallel, drawTable];
  moved.forEach((paint) => paint());
});
painters.push(...paintAll);
paretoControls();
scenarioControls();
reuseControls();
paintAll.forEach((paint) => paint());
for (const section of document.querySelectorAll("section")) if (![...section.children].some((child) => child.tagName !== "H2" && !child.hidden)) {
  section.hidden = true;
  document.querySelector(`.sections a[href="#${section.id}"]`)?.remove();
}
byId("all").open = innerWidth > 720;
const links = [...document.querySelectorAll(".sections a")];
const watcher = new IntersectionObserver((entries) => entries.forEach((entry) => { if (entry.isIntersecting) links.forEach((link) => (link.hash === `#${entry.target.id}` ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current"))); }), { rootMargin: "-30% 0px -60% 0px" });
document.querySelectorAll("section").forEach((section) => watcher.observe(section));
document.documentElement.dataset.drawn = "yes";
