"use strict";
// What a person decides about relations and entities; exported as a file that `relscout apply` reads.
relscout.ready.push((data) => {
  const bar = document.getElementById("decisions");
  if (!bar) return;
  const steps = [];
  let exported = 0;
  const name = (id) => data.relations[id].name;

  const listed = new Map(data.entities.filter(([id]) => id !== null).map((one) => [one[0], one]));
  const entityName = (id) => listed.get(id)[1];
  // the entities as they are after all steps: which one took over which, and which were split
  const entities = () => {
    const into = new Map();
    const split = new Set();
    const mentions = new Map([...listed].map(([id, one]) => [id, one[5]]));
    const aliases = new Map([...listed].map(([id, one]) => [id, one[3]]));
    for (const step of steps) {
      if ("split_entity" in step) split.add(step.split_entity);
      if ("merge_entities" in step) {
        // as in Discovery.merge_entities: the most mentioned keeps its id, of equal ones the lowest
        const [kept, other] = [...step.merge_entities].sort((a, b) => mentions.get(b) - mentions.get(a) || (a < b ? -1 : 1));
        into.set(other, kept);
        mentions.set(kept, mentions.get(kept) + mentions.get(other));
        aliases.set(kept, [...new Set([...aliases.get(kept), ...aliases.get(other)])]);
      }
    }
    return { into, split, aliases };
  };
  // an entity that was split is left alone until the decisions are carried out: then its parts are counted
  const isOpen = (id, { into, split }) => !into.has(id) && !split.has(id);
  relscout.markEntities = () => {
    const now = entities();
    for (const place of document.querySelectorAll("[data-entity]")) {
      for (const button of place.querySelectorAll("button")) button.disabled = !isOpen(place.dataset.entity, now);
      place.closest("tr").classList.toggle("is-gone", now.into.has(place.dataset.entity));
    }
  };

  // the relations as they are after all steps: id → {name, parts}
  const state = () => {
    const now = new Map(Object.keys(data.relations).map((id) => [Number(id), { name: name(id), size: data.relations[id].size }]));
    const gone = new Map();
    for (const step of steps) {
      if ("rename" in step) now.get(step.rename).name = step.to;
      if ("drop" in step) { now.delete(step.drop); gone.set(step.drop, null); }
      if ("merge" in step) {
        // as in Discovery.merge: the largest keeps its id and its name, of equal ones the lowest id
        const [kept, ...others] = [...step.merge].sort((a, b) => now.get(b).size - now.get(a).size || a - b);
        for (const other of others) {
          now.get(kept).size += now.get(other).size;
          now.delete(other);
          gone.set(other, kept);
        }
      }
    }
    return { now, gone };
  };
  // what became of a relation that is gone, through all later merges
  const fate = (id, { now, gone }) => {
    let into = id;
    while (gone.has(into) && gone.get(into) !== null) into = gone.get(into);
    return now.has(into) ? `part of ${now.get(into).name}` : "dropped";
  };
  const told = (step) => {
    if ("rename" in step) return `${name(step.rename)} renamed to ${step.to}`;
    if ("drop" in step) return `${name(step.drop)} dropped`;
    if ("merge_entities" in step) return `${step.merge_entities.map(entityName).join(" and ")} merged`;
    if ("split_entity" in step) return `${step.names.join(", ")} split from ${entityName(step.split_entity)}`;
    return `${step.merge.map(name).join(" and ")} merged`;
  };
  const show = () => {
    const { now, gone } = state();
    const alone = now.size < 2;
    for (const card of document.querySelectorAll("article.relation")) {
      const id = Number(card.dataset.id);
      const said = card.querySelector(".state");
      const renamed = now.has(id) && now.get(id).name !== name(id);
      said.textContent = gone.has(id) ? fate(id, { now, gone }) : renamed ? `renamed to ${now.get(id).name}` : "";
      said.hidden = !said.textContent;
      card.classList.toggle("is-gone", gone.has(id));
      for (const button of card.querySelectorAll("[data-do=rename], [data-do=merge], [data-do=drop]")) {
        button.disabled = gone.has(id) || (alone && button.dataset.do !== "rename");
      }
    }
    for (const button of document.querySelectorAll("[data-merge]")) {
      button.disabled = !button.dataset.merge.split(",").every((id) => now.has(Number(id)));
    }
    relscout.markEntities();
    document.getElementById("steps").replaceChildren(...steps.map((step) => relscout.element("li", told(step))));
    bar.hidden = steps.length === 0;
  };
  const decide = (step) => { steps.push(step); show(); };

  const ask = document.getElementById("ask");
  const [input, choice, wrong] = ["ask-name", "ask-with", "ask-wrong"].map((id) => document.getElementById(id));
  let asked = null;
  const question = (what, id) => {
    const { now } = state();
    asked = { what, id };
    wrong.textContent = "";
    document.getElementById("ask-title").textContent = what === "rename" ? `Rename ${now.get(id).name}` : `Merge ${now.get(id).name}`;
    document.querySelector("#ask-label span").textContent = what === "rename" ? "New name" : "with";
    input.hidden = what !== "rename";
    choice.hidden = what === "rename";
    choice.multiple = false;
    choice.size = 0;
    input.value = now.get(id).name;
    const others = [...now].filter(([other]) => other !== id);
    const near = new Map(data.relations[id].near.map(([other, likeness]) => [other, likeness]));
    others.sort(([a], [b]) => (near.get(b) ?? -2) - (near.get(a) ?? -2));
    choice.replaceChildren(...others.map(([other, one]) => relscout.element("option", one.name, { value: other })));
    ask.showModal();
    if (what === "rename") input.select();
  };
  relscout.askEntity = (what, place) => {
    const [id, title] = data.entities[place];
    const now = entities();
    asked = { what: `${what} entity`, id };
    wrong.textContent = "";
    document.getElementById("ask-title").textContent = `${what === "merge" ? "Merge" : "Split"} ${title}`;
    document.querySelector("#ask-label span").textContent = what === "merge" ? "with" : "Names of the other entity";
    input.hidden = true;
    choice.hidden = false;
    choice.multiple = what === "split";
    choice.size = 0;
    if (what === "split") {
      choice.size = Math.min(8, now.aliases.get(id).length);
      choice.replaceChildren(...now.aliases.get(id).map((alias) => relscout.element("option", alias, { value: alias })));
    } else {
      const mine = new Set(title.toLowerCase().split(/\s+/));
      const alike = (one) => one[1].toLowerCase().split(/\s+/).filter((word) => mine.has(word)).length;
      const others = data.entities.slice(0, data.listed).filter((one) => one[0] !== null && one[0] !== id && isOpen(one[0], now));
      others.sort((a, b) => alike(b) - alike(a));
      choice.replaceChildren(...others.map((one) => relscout.element("option", one[2] ? `${one[1]} (${one[2]})` : one[1], { value: one[0] })));
    }
    ask.showModal();
  };
  const decideEntity = () => {
    if (asked.what === "merge entity") {
      if (choice.value) decide({ merge_entities: [asked.id, choice.value] });
      ask.close();
      return;
    }
    const names = [...choice.selectedOptions].map((one) => one.value);
    // aliases that the page cannot show stay with the entity
    const [, , , aliases, aliasCount] = listed.get(asked.id);
    const all = names.length === choice.options.length && aliases.length === aliasCount;
    if (!names.length || all) wrong.textContent = "Choose some of the names, not all.";
    else {
      decide({ split_entity: asked.id, names });
      ask.close();
    }
  };
  document.getElementById("ask-yes").addEventListener("click", () => {
    if (asked.what.endsWith(" entity")) {
      decideEntity();
      return;
    }
    const { now } = state();
    if (asked.what === "merge") {
      if (choice.value) decide({ merge: [asked.id, Number(choice.value)] });
      ask.close();
      return;
    }
    const wanted = input.value.trim();
    if (!wanted) wrong.textContent = "A name cannot be blank.";
    else if ([...now].some(([id, one]) => id !== asked.id && one.name === wanted)) {
      wrong.textContent = "Another relation has this name: merge them, or choose another name.";
    } else {
      if (wanted !== now.get(asked.id).name) decide({ rename: asked.id, to: wanted });
      ask.close();
    }
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // or the key would press the button that gets the focus back
    document.getElementById("ask-yes").click();
  });
  document.getElementById("ask-no").addEventListener("click", () => ask.close());

  document.getElementById("list").addEventListener("click", (event) => {
    const button = event.target.closest("[data-do=rename], [data-do=merge], [data-do=drop]");
    if (!button) return;
    const id = Number(button.closest("article").dataset.id);
    if (button.dataset.do !== "drop") question(button.dataset.do, id);
    else decide({ drop: id });
  });
  for (const button of document.querySelectorAll("[data-merge]")) {
    button.addEventListener("click", () => {
      decide({ merge: button.dataset.merge.split(",").map(Number) });
    });
  }
  document.getElementById("undo").addEventListener("click", () => { steps.pop(); show(); });
  document.getElementById("export").addEventListener("click", () => {
    const text = JSON.stringify({ format: "relscout-decisions", version: 1, run: data.fingerprint, decisions: steps }, null, 2);
    const link = relscout.element("a", "", { download: "decisions.json", href: URL.createObjectURL(new Blob([`${text}\n`])) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    exported = steps.length;
  });
  window.addEventListener("beforeunload", (event) => { if (steps.length !== exported) event.preventDefault(); });
  show();
});
