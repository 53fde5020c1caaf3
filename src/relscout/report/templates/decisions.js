"use strict";
// What a person decides: renamed, merged, dropped; exported as a file that `relscout apply` reads.
relscout.ready.push((data) => {
  const bar = document.getElementById("decisions");
  if (!bar) return;
  const steps = [];
  let exported = 0;
  const name = (id) => data.relations[id].name;

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
    if ("rename" in step) return `${name(step.rename)} is called ${step.to}`;
    if ("drop" in step) return `${name(step.drop)} is dropped`;
    return `${step.merge.map(name).join(" and ")} are one`;
  };
  const show = () => {
    const { now, gone } = state();
    const alone = now.size < 2;
    for (const card of document.querySelectorAll("article.relation")) {
      const id = Number(card.dataset.id);
      const said = card.querySelector(".state");
      const renamed = now.has(id) && now.get(id).name !== name(id);
      said.textContent = gone.has(id) ? fate(id, { now, gone }) : renamed ? `called ${now.get(id).name}` : "";
      said.hidden = !said.textContent;
      card.classList.toggle("is-gone", gone.has(id));
      for (const button of card.querySelectorAll("[data-do=rename], [data-do=merge], [data-do=drop]")) {
        button.disabled = gone.has(id) || (alone && button.dataset.do !== "rename");
      }
    }
    for (const button of document.querySelectorAll("[data-merge]")) {
      button.disabled = !button.dataset.merge.split(",").every((id) => now.has(Number(id)));
    }
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
    input.value = now.get(id).name;
    const others = [...now].filter(([other]) => other !== id);
    const near = new Map(data.relations[id].near.map(([other, likeness]) => [other, likeness]));
    others.sort(([a], [b]) => (near.get(b) ?? -2) - (near.get(a) ?? -2));
    choice.replaceChildren(...others.map(([other, one]) => relscout.element("option", one.name, { value: other })));
    ask.showModal();
    if (what === "rename") input.select();
  };
  document.getElementById("ask-yes").addEventListener("click", () => {
    const { now } = state();
    if (asked.what === "merge") {
      if (choice.value) decide({ merge: [asked.id, Number(choice.value)] });
      ask.close();
      return;
    }
    const wanted = input.value.trim();
    if (!wanted) wrong.textContent = "A name cannot be blank.";
    else if ([...now].some(([id, one]) => id !== asked.id && one.name === wanted)) {
      wrong.textContent = "Another relation is called so: merge them, or choose another name.";
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
