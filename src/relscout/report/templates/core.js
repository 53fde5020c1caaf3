"use strict";
// What all parts of the page share: its data, its theme, and how a sentence is shown.
const relscout = { ready: [], themed: [] };

relscout.unpacked = async (id) => {
  const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (one) => one.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
};

relscout.element = (name, text = "", more = {}) => {
  const made = document.createElement(name);
  made.textContent = text;
  return Object.assign(made, more);
};

// pieces: [text, role, text, role, …], where a role is "h", "t", "ht" or ""
relscout.sentence = (pieces, note = "", tag = "") => {
  const line = relscout.element("li");
  const whole = relscout.element("bdi");
  for (let place = 0; place < pieces.length; place += 2) {
    whole.append(
      pieces[place + 1] ? relscout.element("mark", pieces[place], { className: pieces[place + 1] }) : pieces[place],
    );
  }
  line.append(whole);
  if (tag) line.append(" ", relscout.element("span", tag, { className: "tag" }));
  if (note) line.append(relscout.element("small", note));
  return line;
};

// a sentence of the page by its place, with what is known of it
relscout.line = (row) => {
  const [pieces, , confidence, place, gold, related, polarity] = relscout.data.sentences[row];
  const estimated = related === undefined || related === null ? "" : `related ${related.toFixed(2)}`;
  return relscout.sentence(pieces, [gold, confidence.toFixed(2), estimated, place].filter(Boolean).join(" · "), polarity);
};

// a list that grows by a number of items at a time: fill() makes the item of a place
relscout.growing = (list, more, step) => {
  let length = 0;
  let fill = null;
  const grow = (count) => {
    const from = list.children.length;
    for (let place = from; place < Math.min(from + count, length); place += 1) list.append(fill(place));
    const left = length - list.children.length;
    more.textContent = `${Math.min(left, step)} more`;
    more.hidden = left <= 0;
  };
  more.addEventListener("click", () => grow(step));
  return (count, make, first = step) => { length = count; fill = make; list.replaceChildren(); grow(first); };
};

relscout.details = (title, ...parts) => {
  const dialog = document.getElementById("details");
  document.getElementById("details-title").textContent = title;
  document.getElementById("details-body").replaceChildren(...parts);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
};

relscout.plain = (pieces) => pieces.filter((_, place) => place % 2 === 0).join("");

relscout.start = async () => {
  if (!("DecompressionStream" in window)) return; // an old browser keeps what needs no script
  const data = JSON.parse(await relscout.unpacked("data"));
  relscout.data = data;
  document.documentElement.classList.add("has-script");
  const theme = document.getElementById("theme");
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("relscout-theme", root.dataset.theme); } catch { /* nothing is kept */ }
    for (const told of relscout.themed) told();
  });
  for (const part of relscout.ready) part(data);
  document.body.dataset.ready = "page";
};

document.addEventListener("DOMContentLoaded", relscout.start);
