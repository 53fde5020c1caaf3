"use strict";
// Facts and entities: searched, filtered, opened.
// A fact is [head, relation, tail, support, documents, confidence, rows, phrase],
// an entity [id, name, type, aliases, number of aliases, mentions, facts].
relscout.ready.push((data) => {
  const list = document.getElementById("fact-list");
  if (!list) return;
  const at = (id) => document.getElementById(id);
  const [search, relation, sort] = ["fact-search", "fact-relation", "fact-sort"].map(at);
  const named = (place) => data.entities[place][1];
  const cell = (...parts) => { const made = relscout.element("td"); made.append(...parts); return made; };
  const number = (value) => relscout.element("td", value, { className: "n" });
  // what the sentences say, where that is not the name of the relation already
  const relationCell = (id, phrase) => {
    const made = cell(relscout.element("bdi", data.factNames[id]));
    if (phrase && phrase !== data.factNames[id]) made.append(" ", relscout.element("small", `“${phrase}”`));
    return made;
  };
  const entity = (place) => cell(relscout.element("bdi", named(place)), " ", relscout.element("small", data.entities[place][2]));
  const button = (text, act, more = {}) => {
    const made = relscout.element("button", text, { type: "button", className: "small", ...more });
    made.addEventListener("click", act);
    return made;
  };

  const used = new Map();
  for (const fact of data.facts) used.set(fact[1], (used.get(fact[1]) ?? 0) + 1);
  for (const [id, count] of [...used].sort((a, b) => b[1] - a[1])) {
    relation.append(relscout.element("option", `${data.factNames[id]} (${count})`, { value: id }));
  }
  const words = data.facts.map(([head, id, tail, , , , , phrase]) => [
    named(head), ...data.entities[head][3], data.factNames[id], phrase, named(tail), ...data.entities[tail][3],
  ].join("\n").toLowerCase());

  const open = ([head, id, tail, support, documents, confidence, rows]) => {
    const shown = relscout.element("ul", "", { className: "sentences" });
    shown.append(...rows.map(relscout.line));
    const count = `${support} sentence${support === 1 ? "" : "s"} in ${documents} document${documents === 1 ? "" : "s"}, confidence ${confidence.toFixed(2)}`;
    const hidden = support - new Set(rows.map((row) => relscout.plain(data.sentences[row][0]))).size;
    const note = hidden > 0 ? `; ${hidden} of them ${hidden === 1 ? "is" : "are"} not shown` : "";
    relscout.details(
      `${named(head)} · ${data.factNames[id]} · ${named(tail)}`,
      relscout.element("p", `${count}${note}.`, { className: "soft" }), shown,
    );
  };
  const row = (fact) => {
    const made = relscout.element("tr");
    const [head, id, tail, support, documents, confidence] = fact;
    const what = cell(button(String(support), () => open(fact), {
      ariaLabel: `${support} sentence${support === 1 ? "" : "s"}: ${named(head)}, ${data.factNames[id]}, ${named(tail)}`,
    }));
    what.className = "n";
    made.append(
      entity(head), relationCell(id, fact[7]), entity(tail), what, number(String(documents)),
      number(confidence.toFixed(2)),
    );
    return made;
  };

  const fill = relscout.growing(list, at("fact-more"), 50);
  let about = null; // an entity whose facts alone are shown
  const show = () => {
    const wanted = search.value.trim().toLowerCase();
    const fits = data.facts.filter((fact, place) => (
      (!wanted || words[place].includes(wanted)) && (!relation.value || String(fact[1]) === relation.value)
      && (about === null || fact[0] === about || fact[2] === about)
    ));
    if (sort.value === "confidence") fits.sort((a, b) => b[5] - a[5]);
    at("fact-count").textContent = `${fits.length.toLocaleString("en")} of ${data.facts.length.toLocaleString("en")} facts`;
    fill(fits.length, (place) => row(fits[place]), 12);
  };
  search.addEventListener("input", () => { about = null; show(); });
  relation.addEventListener("change", () => { about = null; show(); });
  sort.addEventListener("change", show);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-facts]");
    if (!link) return;
    about = null;
    search.value = "";
    relation.value = link.dataset.facts;
    show();
  });
  show();

  const found = at("entity-search");
  const entities = data.entities.slice(0, data.listed);
  const spelled = entities.map(([, name, , aliases]) => [name, ...aliases].join("\n").toLowerCase());
  const fillEntities = relscout.growing(at("entity-list"), at("entity-more"), 50);
  const entityRow = (place) => {
    const [id, name, type, aliases, aliasCount, mentions, facts] = entities[place];
    const others = aliases.filter((alias) => alias !== name);
    const left = aliasCount - 1 - Math.min(others.length, 4);
    const made = relscout.element("tr");
    const known = facts > 0
      ? button(String(facts), () => {
        about = place;
        search.value = name;
        relation.value = "";
        show();
        at("facts").scrollIntoView();
      }, { ariaLabel: `${facts} fact${facts === 1 ? "" : "s"} of ${name}` })
      : "0";
    const decide = cell();
    decide.className = "no-print";
    if (id !== null) {
      decide.append(button("Merge", () => relscout.askEntity("merge", place), { ariaLabel: `Merge ${name}` }));
      if (aliases.length > 1) decide.append(" ", button("Split", () => relscout.askEntity("split", place), { ariaLabel: `Split ${name}` }));
      decide.dataset.entity = id;
    }
    const count = cell(known);
    count.className = "n";
    made.append(
      cell(relscout.element("bdi", name)), cell(type), cell(others.slice(0, 4).join(", "), left > 0 && others.length > 0 ? ` and ${left} more` : ""),
      number(String(mentions)), count, decide,
    );
    return made;
  };
  const showEntities = () => {
    const wanted = found.value.trim().toLowerCase();
    const fits = entities.map((_, place) => place).filter((place) => !wanted || spelled[place].includes(wanted));
    at("entity-count").textContent = `${fits.length.toLocaleString("en")} of ${entities.length.toLocaleString("en")} entities`;
    fillEntities(fits.length, (place) => entityRow(fits[place]), 12);
    relscout.markEntities?.();
  };
  found.addEventListener("input", showEntities);
  at("entity-more").addEventListener("click", () => relscout.markEntities?.());
  showEntities();
});
