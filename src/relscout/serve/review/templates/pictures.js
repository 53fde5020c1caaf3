"use strict";
// The map of the sentences, and the entities, of a review.
(() => {
  const { $, element, name, button, marked, counted, api, shown, decide, dialog, relationOf, nameOf, other } = review;
  const SVG = "http://www.w3.org/2000/svg";
  const BATCH = 40;
  const drawn = (kind, attributes, ...children) => {
    const made = document.createElementNS(SVG, kind);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
    made.append(...children);
    return made;
  };
  // shapes by the names of the report, around 0, about 1 wide
  const SHAPES = {
    circle: "M-.5 0a.5 .5 0 1 0 1 0a.5 .5 0 1 0 -1 0", square: "M-.45 -.45h.9v.9h-.9z", "triangle-up": "M0 -.55l.55 1h-1.1z",
    diamond: "M0 -.65l.6 .65l-.6 .65l-.6 -.65z", "triangle-down": "M0 .55l.55 -1h-1.1z", cross: "M-.18 -.55h.36v.37h.37v.36h-.37v.37h-.36v-.37h-.37v-.36h.37z",
    x: "M-.5 -.28l.22 -.22l.28 .28l.28 -.28l.22 .22l-.28 .28l.28 .28l-.22 .22l-.28 -.28l-.28 .28l-.22 -.22l.28 -.28z",
    star: "M0 -.65l.19 .4l.43 .05l-.32 .3l.09 .43l-.39 -.22l-.39 .22l.09 -.43l-.32 -.3l.43 -.05z",
  };
  const colourOf = (id) => relationOf(id)?.colour ?? "var(--soft)";
  const shape = (id, x, y, size) => drawn("path", { d: SHAPES[relationOf(id)?.symbol] ?? SHAPES.circle, fill: colourOf(id), transform: `translate(${x} ${y}) scale(${size})` });
  // the place in a picture that is nearest to a click
  const nearest = (picture, event, points) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(picture.getScreenCTM().inverse());
    let best = -1;
    let least = Infinity;
    points.forEach((point, place) => {
      const distance = (point.x - at.x) ** 2 + (point.y - at.y) ** 2;
      if (distance < least) { least = distance; best = place; }
    });
    return best;
  };

  // -- the map

  let points = [];
  let chosen = null;
  let picked = null;
  let pickedSentence = null;
  const ofChosen = () => points.filter((point) => chosen === null || point.relation === chosen);
  const fetchMap = async () => {
    const answer = await shown(() => api("map"));
    if (!answer) return;
    points = answer.ids.map((id, place) => ({ id, relation: answer.relations[place], x: answer.x[place], y: -answer.y[place] }));
    $("map-state").textContent = answer.ready
      ? `${counted(points.length, "sentence")}. Nearby sentences are similar; distances between groups have no meaning.`
      : answer.error
        ? `The map could not be computed: ${answer.error}. To try again, start the server again.`
        : "The map is being computed; this takes a minute.";
    if (chosen !== null && !points.some((point) => point.relation === chosen)) chosen = null;
    showMap();
    if (picked !== null) await pick(picked);
    if (!answer.ready && !answer.error) setTimeout(() => { if (review.view() === "map") fetchMap(); }, 2000);
  };
  const ranked = () => {
    const counts = new Map();
    for (const { relation } of points) counts.set(relation, (counts.get(relation) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  };
  const showMap = () => {
    const above = (point) => chosen !== null && point.relation === chosen;
    const ordered = [...points].sort((a, b) => above(a) - above(b));
    const children = ordered.map((point) => {
      const made = shape(point.relation, point.x, point.y, above(point) ? 0.034 : 0.024);
      made.setAttribute("class", chosen === null || above(point) ? "" : "is-faded");
      return made;
    });
    const here = points.find((point) => point.id === picked);
    if (here) children.push(drawn("circle", { cx: here.x, cy: here.y, r: 0.035, class: "ring" }));
    $("map-plot").replaceChildren(...children);
    $("map-list").replaceChildren(...ranked().map(([id, count]) => {
      const swatch = drawn("svg", { viewBox: "-.7 -.7 1.4 1.4", class: "shape", "aria-hidden": "true" }, shape(id, 0, 0, 1));
      const made = element("button", { type: "button", data: { relation: id }, on: { click: () => choose(chosen === id ? null : id) } },
        swatch, element("span", { className: "name" }, name(nameOf(id))), element("span", { className: "number", textContent: count.toLocaleString("en") }));
      made.setAttribute("aria-pressed", String(id === chosen));
      return element("li", {}, made);
    }));
  };
  const choose = (id) => {
    chosen = id;
    const focused = document.activeElement?.dataset?.relation;
    showMap();
    if (focused !== undefined) $("map-list").querySelector(`[data-relation="${focused}"]`)?.focus({ preventScroll: true });
    $("map-list").querySelector('[aria-pressed="true"]')?.scrollIntoView({ block: "nearest" });
  };
  const pick = async (id) => {
    picked = id;
    showMap();
    const sentence = await shown(() => api(`sentence?id=${encodeURIComponent(id)}`));
    if (!sentence || picked !== id) return;
    pickedSentence = sentence;
    const related = sentence.related === null ? "" : `related ${sentence.related.toFixed(2)}`;
    $("map-sentence").replaceChildren(element("div", { className: "question", data: { id } },
      element("h3", {}, name(sentence.name)), element("p", {}, marked(sentence.pieces)),
      element("small", { textContent: [`confidence ${sentence.confidence.toFixed(2)}`, related, sentence.polarity, sentence.place].filter(Boolean).join(" · ") }), " ",
      sentence.judged ? element("span", { className: "badge", textContent: sentence.judged }) : "",
      element("div", { className: "actions" }, sentence.relation >= 0 ? button("Yes", "y", () => judge(true)) : "", button("No relation", "n", () => judge(false)), button("Another relation", "m", another))));
  };
  // while the next sentence is on its way, a key must not judge the one before
  const isShown = () => pickedSentence !== null && pickedSentence.id === picked;
  const judge = (yes) => {
    if (!isShown() || (yes && pickedSentence.relation < 0)) return;
    const { id, relation } = pickedSentence;
    decide(yes ? { confirm: [id], relation } : { reject: [id], relation });
  };
  const another = () => { if (isShown()) other(pickedSentence, [], () => {}); };
  const stepRelation = (by) => {
    const order = ranked().map(([id]) => id);
    if (!order.length) return;
    const at = chosen === null ? -1 : order.indexOf(chosen);
    choose(order[Math.max(0, Math.min(at + by, order.length - 1))]);
  };
  const stepPoint = (by) => {
    const some = ofChosen();
    if (!some.length) return;
    const at = some.findIndex((point) => point.id === picked);
    pick(some[Math.max(0, Math.min(at + by, some.length - 1))].id);
  };
  $("map-plot").addEventListener("click", (event) => {
    const some = ofChosen();
    const place = nearest($("map-plot"), event, some);
    if (place >= 0) pick(some[place].id);
  });
  review.add("map", {
    keys: [["] [", "next, previous relation"], ["j k", "next, previous sentence"], ["y n m", "yes, no, another relation"]],
    press: { "]": () => stepRelation(1), "[": () => stepRelation(-1), j: () => stepPoint(1), k: () => stepPoint(-1), y: () => judge(true), n: () => judge(false), m: another },
    reload: fetchMap,
  });

  // -- entities

  let entities = [];
  let total = 0;
  let place = 0;
  let nodes = [];
  const fetchEntities = async (more = false) => {
    const wanted = $("entity-search").value;
    const from = more ? entities.length : 0;
    const limit = more ? BATCH : Math.min(Math.max(entities.length, BATCH), 200);
    const answer = await shown(() => api(`entities?search=${encodeURIComponent(wanted)}&offset=${from}&limit=${limit}`));
    // an answer to an earlier search may arrive last
    if (!answer || $("entity-search").value !== wanted) return;
    entities = more ? [...entities, ...answer.entities] : answer.entities;
    total = answer.total;
    showEntities();
  };
  const showEntities = () => {
    $("entity-count").textContent = `${entities.length.toLocaleString("en")} of ${total.toLocaleString("en")} entities`;
    $("entity-more").hidden = entities.length >= total;
    place = Math.max(0, Math.min(place, entities.length - 1));
    $("entity-list").replaceChildren(...entities.map((entity, at) => {
      const others = entity.aliases.filter((alias) => alias !== entity.name);
      return element("li", { className: at === place ? "is-here" : "", tabIndex: -1, data: { at }, on: { click: () => moveTo(at, false) } },
        element("b", {}, name(entity.name)), " ", element("small", { className: "soft", textContent: [entity.type, counted(entity.mentions, "mention"), counted(entity.facts, "fact")].filter(Boolean).join(" · ") }),
        others.length ? element("p", { className: "soft" }, "also ", name(others.slice(0, 6).join(", ")), others.length > 6 ? ` and ${others.length - 6} more` : "") : "",
        element("div", { className: "actions" }, entity.facts ? button("Facts", "f", () => factsOf(at)) : "", button("Merge", "g", () => merge(at)), others.length ? button("Split", "s", () => split(at)) : ""));
    }));
  };
  const moveTo = (at, focus = true) => {
    place = Math.max(0, Math.min(at, entities.length - 1));
    for (const item of $("entity-list").children) item.classList.toggle("is-here", Number(item.dataset.at) === place);
    const here = $("entity-list").children[place];
    if (focus && here) { here.focus({ preventScroll: true }); here.scrollIntoView({ block: "nearest" }); }
  };
  const factsOf = (at) => {
    if (!entities[at]?.facts) return;
    $("fact-search").value = entities[at].name;
    location.hash = "facts";
  };
  const merge = (at) => {
    const entity = entities[at];
    if (!entity) return;
    const search = element("input", { type: "search", id: "merge-search", autocomplete: "off", value: entity.name.split(" ").pop() });
    const select = element("select", { id: "merge-entity" });
    const fill = async () => {
      const answer = await api(`entities?search=${encodeURIComponent(search.value)}&limit=50`).catch(() => null);
      const others = (answer?.entities ?? []).filter((each) => each.id !== entity.id);
      select.replaceChildren(...others.map((each) => element("option", { value: each.id, textContent: `${each.name} (${[each.type, counted(each.mentions, "mention")].filter(Boolean).join(", ")})` })));
    };
    let typing = null;
    search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(fill, 200); });
    dialog(`Merge ${entity.name}`, [element("label", {}, "Search for the same entity under another name", search), element("label", {}, "with", select)], () => {
      if (!select.value) return "Choose an entity.";
      decide({ merge_entities: [entity.id, select.value] });
      return "";
    }, "Merge");
    fill();
  };
  const split = (at) => {
    const entity = entities[at];
    if (!entity || entity.aliases.length < 2) return;
    const boxes = entity.aliases.map((alias) => element("label", { className: "choice" }, element("input", { type: "checkbox", value: alias }), " ", name(alias)));
    dialog(`Split ${entity.name}`, [element("p", { className: "soft", textContent: "Which names belong to another entity?" }), ...boxes], () => {
      const names = boxes.map((box) => box.querySelector("input")).filter((box) => box.checked).map((box) => box.value);
      if (!names.length || names.length === entity.aliases.length) return "Choose some of the names, not all.";
      decide({ split_entity: entity.id, names });
      return "";
    }, "Split");
  };
  const fetchGraph = async () => {
    const answer = await shown(() => api("graph"));
    if (!answer) return;
    nodes = answer.entities.map((node) => ({ ...node, y: -node.y }));
    const width = $("graph-plot").clientWidth;
    const labels = width < 600 ? 8 : 24;
    // the picture is as wide as high, in units of 2.2
    const size = (13 * 2.2) / Math.max(1, Math.min(width, $("graph-plot").clientHeight));
    const boxes = [];
    const texts = nodes.slice(0, labels).map((node) => {
      const label = node.name.length > 26 ? `${node.name.slice(0, 25)}…` : node.name;
      const anchor = node.x < -0.8 ? "start" : node.x > 0.8 ? "end" : "middle";
      const wide = 0.55 * size * label.length;
      const left = node.x - { start: 0, middle: wide / 2, end: wide }[anchor];
      const box = { left, right: left + wide, y: node.y - 0.03 - 0.004 * Math.sqrt(node.links) };
      if (boxes.some((other_) => box.left < other_.right && other_.left < box.right && Math.abs(box.y - other_.y) < size)) return "";
      boxes.push(box);
      return drawn("text", { x: node.x, y: box.y, "font-size": size, "text-anchor": anchor }, label);
    });
    $("graph-plot").replaceChildren(
      ...answer.links.map(([head, tail, id]) => drawn("line", { x1: nodes[head].x, y1: nodes[head].y, x2: nodes[tail].x, y2: nodes[tail].y, stroke: colourOf(id), class: "link" })),
      ...nodes.map((node) => drawn("circle", { cx: node.x, cy: node.y, r: 0.008 + 0.004 * Math.sqrt(node.links), class: "node" },
        drawn("title", {}, `${node.name}: connected to ${node.links}, by ${node.relations.slice(0, 4).map(([id, count]) => `${nameOf(id)} (${count})`).join(", ")}`))),
      ...texts);
  };
  $("graph-plot").addEventListener("click", (event) => {
    const at = nearest($("graph-plot"), event, nodes);
    if (at < 0) return;
    $("entity-search").value = nodes[at].name;
    entities = [];
    fetchEntities();
  });
  let typing = null;
  $("entity-search").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => { entities = []; fetchEntities(); }, 200); });
  $("entity-more").addEventListener("click", () => fetchEntities(true));
  review.add("entities", {
    keys: [["j k", "next, previous entity"], ["f", "its facts"], ["g s", "merge, split"]],
    press: { j: () => moveTo(place + 1), k: () => moveTo(place - 1), f: () => factsOf(place), g: () => merge(place), s: () => split(place) },
    reload: () => { fetchEntities(); fetchGraph(); },
    search: "entity-search",
  });
})();
