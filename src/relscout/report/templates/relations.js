"use strict";
// The list of relations: search, filter, sort, and everything about one of them.
relscout.ready.push((data) => {
  const list = document.getElementById("list");
  if (!list) return;
  const cards = [...list.children];
  const search = document.getElementById("search");
  const types = document.getElementById("types");
  const sort = document.getElementById("sort");
  const words = new Map();
  for (const card of cards) {
    const one = data.relations[card.dataset.id];
    const said = one.members.map((row) => relscout.plain(data.sentences[row][0]));
    words.set(card, [card.dataset.name, ...one.ngrams.map((pair) => pair[0]), ...said].join("\n").toLowerCase());
  }

  const show = () => {
    const wanted = search.value.trim().toLowerCase();
    let count = 0;
    for (const card of cards) {
      const fits = (!wanted || words.get(card).includes(wanted)) && (!types.value || card.dataset.types === types.value);
      card.hidden = !fits;
      count += fits;
    }
    document.getElementById("count").textContent = `${count} of ${cards.length} relations`;
    document.getElementById("nothing").hidden = count > 0;
  };
  const orders = {
    size: (a, b) => b.dataset.size - a.dataset.size || a.dataset.id - b.dataset.id,
    confidence: (a, b) => b.dataset.confidence - a.dataset.confidence || a.dataset.id - b.dataset.id,
    name: (a, b) => a.dataset.name.localeCompare(b.dataset.name),
  };
  search.addEventListener("input", show);
  types.addEventListener("change", show);
  sort.addEventListener("change", () => list.append(...[...cards].sort(orders[sort.value])));
  show();

  const dialog = document.getElementById("details");
  const sentences = (rows) => {
    const shown = relscout.element("ul", "", { className: "sentences" });
    const more = relscout.element("button", "", { type: "button", className: "small" });
    relscout.growing(shown, more, 40)(rows.length, (place) => relscout.line(rows[place]));
    return [shown, more];
  };
  const open = (id) => {
    const one = data.relations[id];
    const chips = relscout.element("ul", "", { className: "chips" });
    chips.append(...one.ngrams.map(([phrase, weight]) => relscout.element("li", `${phrase} ${weight.toFixed(2)}`)));
    const near = relscout.element("ul", "", { className: "chips" });
    for (const [other, likeness] of one.near) {
      const item = relscout.element("li");
      const link = relscout.element("button", `${data.relations[other].name} ${likeness.toFixed(2)}`, {
        type: "button", className: "small",
      });
      link.addEventListener("click", () => open(other));
      item.append(link);
      near.append(item);
    }
    const count = one.members.length < one.size ? `${one.members.length} of ${one.size}` : `${one.size}`;
    relscout.details(
      one.name,
      relscout.element("h3", "Distinctive phrases"), chips,
      relscout.element("h3", "Most similar"), near,
      relscout.element("h3", "Least certain"), ...sentences(one.uncertain),
      relscout.element("h3", `All instances (${count}), most certain first`), ...sentences(one.members),
    );
  };
  list.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do=open]");
    if (button) open(button.closest("article").dataset.id);
  });
  document.getElementById("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
});
