"use strict";
// The page of a review. Texts of the corpus become text nodes only, never markup.
const review = (() => {
  const $ = (id) => document.getElementById(id);
  const hex = (bytes) => [...crypto.getRandomValues(new Uint8Array(bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const author = `tab-${hex(6)}`;
  const BATCH = 40;
  const POLL = 2000;

  // -- elements

  const element = (name, more = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(more)) {
      if (key === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
      else if (key === "data") Object.assign(made.dataset, value);
      else if (key in made && key !== "list") made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  };
  const name = (text) => element("bdi", { textContent: text });
  const key = (text) => element("kbd", { textContent: text });
  const button = (label, shortcut, action, more = {}) =>
    element("button", { type: "button", className: "small", ...more, on: { click: action } }, label, shortcut ? " " : "", shortcut ? key(shortcut) : "");
  const marked = (pieces) => {
    const whole = element("bdi");
    for (const [text, role] of pieces) whole.append(role ? element("mark", { className: role, textContent: text }) : text);
    return whole;
  };
  const counted = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  const say = (text) => { $("news").textContent = text; };
  const problem = (text) => {
    $("problem").textContent = text;
    $("problem").hidden = !text;
  };

  // -- the server

  let secret = "";
  try { secret = sessionStorage.getItem("relscout-key") || ""; } catch { /* no storage */ }
  class Refused extends Error {
    constructor(status, content) {
      super(content?.error?.message || `the server answered ${status}`);
      this.status = status;
    }
  }
  const request = async (path, body) => {
    const headers = { ...(secret ? { authorization: `Bearer ${secret}` } : {}), ...(body ? { "content-type": "application/json" } : {}) };
    const answer = await fetch(`/review/api/${path}`, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
    if (answer.ok) return answer;
    const content = await answer.json().catch(() => null);
    if (answer.status === 401) askForKey();
    throw new Refused(answer.status, content);
  };
  const api = async (path, body) => (await request(path, body)).json();
  const shown = async (work) => {
    try { return await work(); } catch (error) {
      problem(error instanceof Refused ? error.message : "The server cannot be reached.");
      return null;
    }
  };
  const askForKey = () => dialog("API key", [element("label", {}, "Key of the server", element("input", { type: "password", id: "secret", autocomplete: "off" }))], () => {
    secret = $("secret").value;
    try { sessionStorage.setItem("relscout-key", secret); } catch { /* asked again after a reload */ }
    problem("");
    refresh();
    showView();
    return "";
  });
  const download = async (path, file) => {
    const answer = await shown(() => request(path));
    if (!answer) return;
    const link = element("a", { download: file, href: URL.createObjectURL(await answer.blob()) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  // -- decisions: each is sent until the server has it on disk, in order, and never twice (by its key)

  let state = 0;
  let overview = null;
  const waiting = [];
  let sending = false;
  const mine = [];
  const showWaiting = () => {
    $("unsaved").hidden = !waiting.length || !waiting[0].late;
    $("unsaved").textContent = `${counted(waiting.length, "decision")} not saved yet; trying again. Keep this page open.`;
    $("undo").disabled = !mine.length && !waiting.length;
  };
  const decide = (step) => {
    waiting.push({ step, state, key: `${author}-${hex(8)}`, late: false });
    showWaiting();
    send();
  };
  const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
  const send = async () => {
    if (sending) return;
    sending = true;
    while (waiting.length) {
      const { step, key: request_, state: known } = waiting[0];
      try {
        const answer = await api("decisions", { step, author, state: known, key: request_ });
        waiting.shift();
        problem("");
        if (step.undo === undefined) mine.push(answer.entry.number);
        if (answer.entry.number === state + 1) state = answer.entry.number;
        say(`Saved: ${answer.entry.text}.`);
      } catch (error) {
        if (error instanceof Refused && ![401, 408, 429, 503, 504].includes(error.status)) {
          waiting.shift();
          problem(error.message);
          questions = [];
        } else {
          waiting[0].late = true;
          showWaiting();
          await pause(1500);
        }
      }
      showWaiting();
    }
    sending = false;
    await refresh();
    reload();
  };
  const undo = () => {
    if (mine.length) decide({ undo: mine.pop() });
  };
  window.addEventListener("beforeunload", (event) => { if (waiting.length) event.preventDefault(); });

  const refresh = async () => {
    const answer = await shown(() => api("overview"));
    if (!answer) return;
    overview = answer;
    state = Math.max(state, answer.state);
    $("counts").textContent = `${counted(answer.relations.length, "relation")}, ${counted(answer.facts, "fact")}, ${counted(answer.instances, "pair")} of entities (${answer.without_relation.toLocaleString("en")} without a relation), ${counted(answer.judged, "sentence")} judged.`;
    showRelations();
    showDecisions();
    showWaiting();
  };
  const poll = async () => {
    if (document.hidden || sending || !overview) return;
    const answer = await api(`events?after=${state}`).catch(() => null);
    if (!answer || answer.state <= state) return;
    const others = answer.entries.filter((entry) => entry.author !== author);
    state = answer.state;
    if (others.length) say(`Another tab: ${others[others.length - 1].text}.`);
    await refresh();
    reload();
  };
  setInterval(poll, POLL);

  const relationOf = (id) => overview?.relations.find((relation) => relation.id === id);
  const nameOf = (id) => relationOf(id)?.name ?? "no relation";

  // -- dialogs

  let accept = () => "";
  const dialog = (title, body, onYes, yes = "OK") => {
    $("dialog-title").textContent = title;
    $("dialog-body").replaceChildren(...body);
    $("dialog-wrong").hidden = true;
    $("dialog-yes").hidden = !onYes;
    $("dialog-yes").textContent = yes;
    $("dialog-no").textContent = onYes ? "Cancel" : "Close";
    accept = onYes || (() => "");
    if (!$("dialog").open) $("dialog").showModal();
    const first = $("dialog-body").querySelector("input, select");
    if (first) first.focus();
    if (first?.select) first.select();
  };
  $("dialog").querySelector("form").addEventListener("submit", (event) => {
    const wrong = accept();
    if (!wrong) return;
    event.preventDefault();
    $("dialog-wrong").textContent = wrong;
    $("dialog-wrong").hidden = false;
  });
  $("dialog-no").addEventListener("click", () => $("dialog").close());
  const option = (relation) => element("option", { value: String(relation.id), textContent: `${relation.name} (${relation.size})` });

  const rename = (id) => dialog(`Rename ${nameOf(id)}`, [element("label", {}, "New name", element("input", { id: "new-name", value: nameOf(id), autocomplete: "off" }))], () => {
    const wanted = $("new-name").value.trim();
    if (!wanted) return "A name cannot be blank.";
    if (overview.relations.some((relation) => relation.id !== id && relation.name === wanted)) return "Another relation has this name: merge them, or choose another name.";
    if (wanted !== nameOf(id)) decide({ rename: id, to: wanted });
    return "";
  });
  const merge = (id) => {
    const types = relationOf(id).types;
    const others = overview.relations.filter((relation) => relation.id !== id);
    others.sort((a, b) => (b.types === types) - (a.types === types) || b.size - a.size);
    dialog(`Merge ${nameOf(id)}`, [element("label", {}, "with", element("select", { id: "merge-with" }, ...others.map(option)))], () => {
      if ($("merge-with").value) decide({ merge: [id, Number($("merge-with").value)] });
      return "";
    }, "Merge");
  };
  const drop = (id) => decide({ drop: id });
  const split = async (id) => {
    const into = element("select", { id: "split-into" }, ...[2, 3, 4, 5, 6, 7, 8].map((number) => element("option", { value: String(number), textContent: String(number) })));
    const parts = element("div", { id: "split-parts" });
    let proposal = null;
    const propose = async () => {
      parts.replaceChildren(element("p", { className: "soft", textContent: "Computing…" }));
      proposal = await api("splits", { relation: id, into: Number(into.value) }).catch((error) => { parts.replaceChildren(element("p", { className: "warning", textContent: error.message })); return null; });
      if (!proposal) return;
      parts.replaceChildren(...proposal.parts.map((part, place) => element("div", {},
        element("label", {}, `Part ${place + 1}, ${counted(part.size, "sentence")}`, element("input", { value: part.name, data: { part: place }, autocomplete: "off" })),
        element("ul", { className: "sentences" }, ...part.examples.map((sentence) => element("li", {}, marked(sentence.pieces)))))));
    };
    into.addEventListener("change", propose);
    dialog(`Split ${nameOf(id)}`, [element("label", {}, "Number of parts", into), parts], () => {
      if (!proposal) return "Wait for the parts, or choose another number.";
      const names = [...parts.querySelectorAll("input")].map((input) => input.value.trim());
      if (names.some((each) => !each)) return "A name cannot be blank.";
      if (new Set(names).size < names.length) return "Two parts have the same name.";
      if (names.slice(1).some((each) => overview.relations.some((relation) => relation.name === each))) return "Another relation has one of these names.";
      decide({ split: id, parts: proposal.parts.slice(1).map((part, place) => ({ id: part.id, name: names[place + 1], instances: part.instances })) });
      if (names[0] !== nameOf(id)) decide({ rename: id, to: names[0] });
      return "";
    }, "Split");
    await propose();
  };
  // a sentence expresses another relation, one that is there or a new one
  let nextNumber = 0;
  const other = (sentence, alternatives, then) => {
    const near = alternatives.map(relationOf).filter(Boolean);
    const rest = overview.relations.filter((relation) => relation.id !== sentence.relation && !near.includes(relation));
    rest.sort((a, b) => a.name.localeCompare(b.name));
    dialog("Which relation?", [
      element("p", { className: "sentence" }, marked(sentence.pieces)),
      element("label", {}, "Relation", element("select", { id: "other-relation" }, ...[...near, ...rest].map(option))),
      element("label", {}, "or a new one, called", element("input", { id: "other-name", autocomplete: "off", placeholder: "reads from head to tail" })),
    ], () => {
      const wanted = $("other-name").value.trim();
      const known = overview.relations.find((relation) => relation.name === wanted);
      if (wanted && !known) {
        nextNumber = Math.max(nextNumber, overview.next_number);
        decide({ confirm: [sentence.id], relation: nextNumber, name: wanted });
        nextNumber += 1;
      } else if (known || $("other-relation").value) decide({ confirm: [sentence.id], relation: known ? known.id : Number($("other-relation").value) });
      else return "Choose a relation, or give a name.";
      then();
      return "";
    });
  };

  // -- relations and their sentences

  let current = null;
  let page = null;
  let place = 0;
  let ask = { order: "doubtful" };
  const visibleRelations = () => {
    const wanted = $("search").value.trim().toLowerCase();
    return overview.relations.filter((relation) => `${relation.name}\n${relation.types}`.toLowerCase().includes(wanted));
  };
  const showRelations = () => {
    const listed = visibleRelations();
    $("count").textContent = `${listed.length} of ${overview.relations.length}`;
    const none = { id: -1, name: "no relation", types: "", size: overview.without_relation, facts: 0, confirmed: 0, colour: "transparent" };
    const wanted = $("search").value.trim();
    $("relation-list").replaceChildren(...[...listed, ...(wanted ? [] : [none])].map((relation) => {
      const swatch = element("span", { className: "swatch" });
      swatch.style.background = relation.colour;
      const made = element("button", { type: "button", data: { relation: relation.id }, on: { click: () => open(relation.id) } },
        swatch, element("span", { className: "name" }, name(relation.name)), element("span", { className: "number", textContent: relation.size.toLocaleString("en") }),
        element("small", { textContent: [relation.types, relation.facts ? counted(relation.facts, "fact") : "", relation.confirmed ? `${relation.confirmed} confirmed` : ""].filter(Boolean).join(" · ") }));
      if (relation.id === current) made.setAttribute("aria-current", "true");
      return element("li", {}, made);
    }));
  };
  const open = async (id, keepPlace = false) => {
    current = id;
    if (!keepPlace) place = 0;
    if (overview) showRelations();
    $("both").classList.add("is-open");
    const count = keepPlace && page?.relation === id ? Math.max(page.sentences.length, BATCH) : BATCH;
    const answer = await shown(() => api(`relations/${id}/sentences?order=${ask.order}&limit=${Math.min(count, 200)}`));
    if (!answer || current !== id) return;
    page = answer;
    place = Math.max(0, Math.min(place, page.sentences.length - 1));
    showRelation();
  };
  const close = () => {
    current = null;
    page = null;
    $("both").classList.remove("is-open");
    $("relation").replaceChildren(element("p", { className: "soft", textContent: "Choose a relation, or press ] for the first." }));
    showRelations();
  };
  const showRelation = () => {
    const relation = relationOf(current);
    const list = element("ul", { className: "judge", "aria-label": "Sentences" }, ...page.sentences.map(sentenceItem));
    const more = button("More", "", async () => {
      const answer = await shown(() => api(`relations/${current}/sentences?order=${ask.order}&offset=${page.sentences.length}&limit=${BATCH}`));
      if (!answer) return;
      page.sentences.push(...answer.sentences);
      showRelation();
    });
    more.hidden = page.sentences.length >= page.total;
    const order = element("select", { className: "small", "aria-label": "Order of the sentences", on: { change: (event) => { ask.order = event.target.value; open(current); } } },
      element("option", { value: "doubtful", textContent: "doubtful first" }), element("option", { value: "certain", textContent: "certain first" }));
    order.value = ask.order;
    $("relation").replaceChildren(
      button("← Relations", "", close, { className: "small back" }),
      element("header", {}, element("h2", { tabIndex: -1 }, name(relation ? relation.name : "no relation"))),
      relation ? element("p", { className: "pattern" }, name(relation.pattern), relation.types ? ` · ${relation.types}` : "") : element("p", { className: "soft", textContent: "Pairs without a relation, those first that are most likely to be related." }),
      relation ? element("div", { className: "actions" }, button("Rename", "r", () => rename(current)), button("Merge", "g", () => merge(current)), button("Split", "s", () => split(current)), button("Drop", "d", () => drop(current))) : "",
      element("p", { className: "soft" }, `${counted(page.total, "sentence")}, `, order),
      list, element("p", {}, more));
    if (!page.sentences.length) list.replaceWith(element("p", { className: "soft", textContent: "No sentences." }));
  };
  const sentenceItem = (sentence, at) => {
    const judged = sentence.judged ? element("span", { className: "badge", textContent: sentence.judged }) : "";
    const related = sentence.related === null ? "" : `related ${sentence.related.toFixed(2)}`;
    return element("li", { className: [at === place ? "is-here" : "", sentence.judged ? `is-${sentence.judged}` : ""].join(" ").trim(), data: { at }, tabIndex: -1, on: { click: () => moveTo(at, false) } },
      element("p", {}, marked(sentence.pieces)),
      element("small", { textContent: [`confidence ${sentence.confidence.toFixed(2)}`, related, sentence.polarity, sentence.place].filter(Boolean).join(" · ") }), " ", judged,
      element("div", { className: "actions" },
        sentence.relation >= 0 ? button("Yes", "y", () => judge(at, true)) : "", button("No relation", "n", () => judge(at, false)),
        button("Another relation", "m", () => other(sentence, [], () => moveTo(at + 1)))));
  };
  const moveTo = (at, focus = true) => {
    if (!page?.sentences.length) return;
    place = Math.max(0, Math.min(at, page.sentences.length - 1));
    for (const item of $("relation").querySelectorAll(".judge > li")) item.classList.toggle("is-here", Number(item.dataset.at) === place);
    const here = $("relation").querySelector(".judge > li.is-here");
    if (focus && here) { here.focus({ preventScroll: true }); here.scrollIntoView({ block: "nearest" }); }
  };
  const judge = (at, yes) => {
    const sentence = page.sentences[at];
    if (!sentence || (yes && sentence.relation < 0)) return;
    decide(yes ? { confirm: [sentence.id], relation: sentence.relation } : { reject: [sentence.id], relation: sentence.relation });
    sentence.judged = yes ? "confirmed" : "rejected";
    page.sentences[at] = { ...sentence };
    place = Math.min(at + 1, page.sentences.length - 1);
    showRelation();
    moveTo(place);
  };
  const step = (by) => {
    const listed = visibleRelations();
    const at = listed.findIndex((relation) => relation.id === current);
    const next = listed[Math.max(0, Math.min(at + by, listed.length - 1))];
    if (next) { open(next.id); $("relation-list").querySelector(`[data-relation="${next.id}"]`)?.scrollIntoView({ block: "nearest" }); }
  };
  $("search").addEventListener("input", showRelations);

  // -- ask me

  let questions = [];
  let likeness = "";
  let answered = 0;
  const passed = new Set();
  let fetching = false;
  let again = false;
  const fetchQuestions = async () => {
    // questions that are answered meanwhile may be all that arrive
    if (fetching) { again = true; return; }
    fetching = true;
    let answer;
    let before;
    do {
      again = false;
      before = passed.size;
      const skip = [...passed].slice(-900).map((id) => `&skip=${encodeURIComponent(id)}`).join("");
      answer = await shown(() => api(`questions?limit=5${skip}`));
      if (answer) {
        likeness = answer.ready ? "" : answer.error
          ? ` The similarity of the sentences could not be computed (${answer.error}), so questions are chosen by doubt alone.`
          : " The similarity of the sentences is being computed; until then, questions are chosen by doubt alone.";
        // the question that is being read stays, or a key would answer another one
        const shownId = questions[0]?.sentence.id;
        const fresh = answer.questions.filter((question) => !passed.has(question.sentence.id));
        const here = fresh.find((question) => question.sentence.id === shownId) ?? questions[0];
        questions = here ? [here, ...fresh.filter((question) => question !== here)] : fresh;
      }
    } while (answer && !questions.length && (again || passed.size > before));
    fetching = false;
    if (answer) showQuestion();
  };
  const showQuestion = () => {
    $("ask-count").textContent = `${counted(answered, "answer")} in this tab; 30 are a good start.${likeness}`;
    if (!questions.length) {
      $("question").replaceChildren(element("p", { className: "soft", textContent: fetching ? "The next questions are being chosen…" : "No questions are left. Transfer your answers under New run." }));
      return;
    }
    const { sentence, informs } = questions[0];
    const pieces = (role) => sentence.pieces.filter(([, each]) => each.includes(role)).map(([text]) => text).join("");
    const related = sentence.related === null ? "" : `related ${sentence.related.toFixed(2)}`;
    $("question").replaceChildren(element("article", { className: "question", "aria-live": "polite", data: { id: sentence.id, relation: sentence.relation } },
      element("h3", {}, "Does the sentence say: ", element("mark", { className: "h" }, name(pieces("h"))), " ", element("em", {}, name(sentence.name)), " ", element("mark", { className: "t" }, name(pieces("t"))), "?"),
      element("p", { className: "sentence" }, marked(sentence.pieces)),
      element("small", { textContent: [related, `confidence ${sentence.confidence.toFixed(2)}`, sentence.polarity, informs ? `${counted(informs, "similar sentence")}` : "", sentence.place].filter(Boolean).join(" · ") }),
      element("div", { className: "actions" }, button("Yes", "y", () => answer("yes"), { className: "primary" }), button("No relation", "n", () => answer("no")), button("Another relation", "m", () => answer("other")), button("Skip", "k", () => answer("skip")))));
  };
  const answer = (what) => {
    const question = questions[0];
    if (!question) return;
    const { sentence } = question;
    const next = () => {
      passed.add(sentence.id);
      questions = questions.filter((each) => each.sentence.id !== sentence.id);
      if (what !== "skip") answered += 1;
      if (!questions.length) fetchQuestions();
      showQuestion();
      $("question").focus({ preventScroll: true });
    };
    if (what === "other") { other(sentence, question.alternatives, next); return; }
    if (what === "yes") decide({ confirm: [sentence.id], relation: sentence.relation });
    if (what === "no") decide({ reject: [sentence.id], relation: sentence.relation });
    next();
  };

  // -- facts

  let facts = [];
  let factTotal = 0;
  let factPlace = 0;
  const fetchFacts = async (more = false) => {
    const wanted = $("fact-search").value;
    const from = more ? facts.length : 0;
    const limit = more ? BATCH : Math.min(Math.max(facts.length, BATCH), 200);
    const found = await shown(() => api(`facts?search=${encodeURIComponent(wanted)}&offset=${from}&limit=${limit}`));
    // an answer to an earlier search may arrive last
    if (!found || $("fact-search").value !== wanted) return;
    facts = more ? [...facts, ...found.facts] : found.facts;
    factTotal = found.total;
    showFacts();
  };
  const showFacts = () => {
    $("fact-count").textContent = `${facts.length.toLocaleString("en")} of ${factTotal.toLocaleString("en")} facts`;
    $("fact-more").hidden = facts.length >= factTotal;
    factPlace = Math.max(0, Math.min(factPlace, facts.length - 1));
    $("fact-list").replaceChildren(...facts.map((fact, at) => element("li", { className: at === factPlace ? "is-here" : "", tabIndex: -1, data: { at }, on: { click: () => moveToFact(at, false) } },
      element("b", {}, name(fact.head)), " ", element("em", {}, name(fact.name)), " ", element("b", {}, name(fact.tail)), " ",
      element("small", { className: "soft", textContent: `${counted(fact.support, "sentence")}, confidence ${fact.confidence.toFixed(2)}` }),
      element("ul", { className: "sentences" }, ...fact.sentences.map((sentence) => element("li", {}, marked(sentence.pieces), sentence.judged ? " " : "", sentence.judged ? element("span", { className: "badge", textContent: sentence.judged }) : ""))),
      element("div", { className: "actions" }, button("Yes", "y", () => judgeFact(at, true)), button("No", "n", () => judgeFact(at, false))))));
  };
  const moveToFact = (at, focus = true) => {
    factPlace = Math.max(0, Math.min(at, facts.length - 1));
    for (const item of $("fact-list").children) item.classList.toggle("is-here", Number(item.dataset.at) === factPlace);
    const here = $("fact-list").children[factPlace];
    if (focus && here) { here.focus({ preventScroll: true }); here.scrollIntoView({ block: "nearest" }); }
  };
  const judgeFact = (at, yes) => {
    // a wrong fact may only have the wrong relation, and not each of several sentences need express a right one
    const of = !yes || facts[at]?.support > 1 ? { of: "fact" } : {};
    for (const { relation, instances } of facts[at]?.evidence ?? []) decide(yes ? { confirm: instances, relation, ...of } : { reject: instances, relation, ...of });
    moveToFact(at + 1);
  };
  let typing = null;
  $("fact-search").addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => { facts = []; fetchFacts(); }, 200); });
  $("fact-more").addEventListener("click", () => fetchFacts(true));
  $("facts-export").addEventListener("click", () => download("facts.jsonl", "facts.jsonl"));

  // -- decisions

  const showDecisions = () => {
    $("decision-list").replaceChildren(...overview.decisions.slice(0, 500).map((entry) => element("li", { className: entry.undone ? "is-undone" : "" },
      element("span", { className: "number", textContent: `${entry.number}.` }), element("bdi", { textContent: entry.text }),
      element("small", { className: "soft", textContent: `${entry.time.slice(0, 16).replace("T", " ")}, ${entry.author === author ? "this tab" : entry.author}` }),
      entry.undone || entry.step.undo !== undefined ? "" : button("Undo", "", () => decide({ undo: entry.number })))));
  };
  $("export").addEventListener("click", () => download("decisions.json", "decisions.json"));
  $("undo").addEventListener("click", undo);

  // -- the new run

  let work = null;
  const watchWork = async () => {
    work = await shown(() => api("work"));
    if (!work) return;
    showWork();
    if (work.state === "running") { await pause(700); if (view === "result") await watchWork(); }
  };
  const startWork = async (task) => {
    const started = await shown(() => api("work", { task }));
    if (started) { work = started; showWork(); await watchWork(); }
  };
  const showWork = () => {
    const busy = work?.state === "running";
    const parts = [
      element("h3", { textContent: "Transfer the judgements" }),
      element("p", { className: "soft", textContent: "Sentences without an answer take over that of the most similar judged sentence. You see what would move before anything changes." }),
      element("p", {}, button("Show what would move", "t", () => startWork("transfer"), { disabled: busy })),
      element("h3", { textContent: "Recalibrate relatedness" }),
      element("p", { className: "soft", textContent: "Your answers about sentences show which pairs are related at all. They correct the probabilities of all pairs: pairs that rise above the threshold get a relation, and pairs that fall below it lose theirs. Few answers change little. If all answers say that a pair is related, too many pairs are kept, so answer “No relation” wherever it applies." }),
      element("p", {}, button("Show what would change", "c", () => startWork("recalibrate"), { disabled: busy })),
    ];
    if (busy) parts.push(element("p", { role: "status" }, `Working (${work.task}${work.stage ? `, ${work.stage}` : ""})…`, element("progress", { "aria-label": "Progress", ...(work.total ? { max: work.total, value: work.done } : {}) })));
    if (work?.state === "failed") parts.push(element("p", { className: "warning", role: "alert", textContent: work.message }));
    const preview = work?.preview;
    if (preview) {
      if (preview.calibration) {
        const { related: yes, unrelated: no, changes } = preview.calibration;
        parts.push(element("p", { id: "calibration", textContent: `${counted(yes, "judged sentence")} related, ${no.toLocaleString("en")} not. Relatedness would change: ${changes.map((both) => both.map((each) => each.toFixed(2)).join(" → ")).join(", ")}.` }));
      }
      parts.push(element("p", { id: "moves", textContent: `${counted(preview.moved, "sentence")} would move, by ${counted(preview.judged, "judgement")}; ${counted(preview.facts_before, "fact")} would become ${preview.facts_after.toLocaleString("en")}.` }));
      parts.push(element("ul", { className: "facts-list", "aria-label": "What would move" }, ...preview.movements.map((movement) => element("li", {},
        element("b", { textContent: movement.count.toLocaleString("en") }), " ", name(movement.origin), " → ", name(movement.target),
        element("ul", { className: "sentences" }, ...movement.examples.map((sentence) => element("li", {}, marked(sentence.pieces))))))));
      parts.push(element("div", { className: "actions" }, button("Accept", "a", acceptMoves, { className: "primary", id: "accept", disabled: !preview.moved && !preview.calibration }), button("Discard", "", () => { work = { ...work, preview: null }; showWork(); })));
    }
    parts.push(element("h3", { textContent: "Save" }), element("p", { className: "soft", textContent: "Writes the run, with all decisions applied, to a new folder next to it. The old run stays as it is." }), element("p", {}, button("Save as a new run", "w", () => startWork("save"), { disabled: busy })));
    if (work?.saved) parts.push(element("p", { id: "saved", role: "status", textContent: `Saved as ${work.saved.name}: ${counted(work.saved.relations, "relation")}, ${counted(work.saved.facts, "fact")}, by ${counted(work.saved.decisions, "decision")}.` }));
    $("result").replaceChildren(...parts);
  };
  const acceptMoves = () => {
    const preview = work?.preview;
    if (!preview || (!preview.moved && !preview.calibration)) return;
    if (state !== preview.state) { problem("Decisions were added since: show what would change again, then accept."); return; }
    decide(preview.step);
    work = { ...work, preview: null };
    showWork();
  };

  // -- views and keys

  const KEYS = {
    all: [["1 – 7", "views"], ["/", "search"], ["u", "undo"], ["?", "all keys"]],
    relations: [["] [", "next, previous relation"], ["j k", "next, previous sentence"], ["y n m", "yes, no, another relation"], ["r g s d", "rename, merge, split, drop"]],
    ask: [["y", "yes"], ["n", "no relation"], ["m", "another relation"], ["k", "skip"]],
    facts: [["j k", "next, previous fact"], ["y n", "yes, no"]],
    decisions: [],
    result: [["t c", "preview a transfer, a recalibration"], ["a", "accept"], ["w", "save as a new run"]],
  };
  const TITLES = Object.fromEntries([...$("views").children].map((link) => [link.dataset.view, link.firstChild.textContent.trim()]));
  const further = {};
  let keysOn = true;
  try { keysOn = localStorage.getItem("relscout-keys") !== "off"; } catch { /* no storage */ }
  let view = "relations";
  const showKeys = () => {
    $("key-list").replaceChildren(...(keysOn ? [...KEYS[view], ...KEYS.all] : [["", "single-letter keys are off: see Keys"]]).map(([keys, what]) => element("li", {}, keys ? key(keys) : "", ` ${what}`)));
  };
  const keysDialog = () => {
    const box = element("input", { type: "checkbox", id: "keys-on", checked: keysOn });
    const rows = Object.entries(KEYS).flatMap(([where, keys]) => keys.map(([each, what]) => [element("dt", {}, key(each)), element("dd", { textContent: where === "all" ? what : `${what} (${TITLES[where]})` })])).flat();
    dialog("Keys", [element("dl", { className: "keys" }, ...rows), element("p", {}, element("label", {}, "Use single-letter keys", box))], () => {
      keysOn = box.checked;
      try { localStorage.setItem("relscout-keys", keysOn ? "on" : "off"); } catch { /* until a reload */ }
      showKeys();
      return "";
    });
  };
  const reload = () => {
    if (view === "relations") {
      if (current !== null && (current < 0 || relationOf(current))) open(current, true); else close();
    }
    if (view === "ask" && questions.length < 3) fetchQuestions();
    if (view === "facts") fetchFacts();
    further[view]?.reload();
  };
  const showView = () => {
    const wanted = location.hash.slice(1);
    view = Object.hasOwn(KEYS, wanted) && wanted !== "all" ? wanted : "relations";
    for (const link of $("views").children) {
      const here = link.dataset.view === view;
      link.classList.toggle("is-here", here);
      if (here) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
      $(`view-${link.dataset.view}`).hidden = !here;
    }
    showKeys();
    if (!overview) return;
    reload();
    if (view === "ask") { showQuestion(); $("question").focus({ preventScroll: true }); }
    if (view === "result") { showWork(); watchWork(); }
  };
  window.addEventListener("hashchange", () => { if (location.hash.slice(1) !== view) showView(); });
  const show = (wanted) => {
    // at once, because the event comes later than the next key may
    location.hash = wanted;
    showView();
  };
  const VIEWS = [...$("views").children].map((link) => link.dataset.view);
  const SEARCH = { relations: "search", facts: "fact-search" };
  const press = {
    relations: { j: () => moveTo(place + 1), k: () => moveTo(place - 1), y: () => page && judge(place, true), n: () => page && judge(place, false),
      m: () => { const sentence = page?.sentences[place]; if (sentence) other(sentence, [], () => moveTo(place + 1)); },
      "]": () => step(1), "[": () => step(-1), r: () => relationOf(current) && rename(current), g: () => relationOf(current) && merge(current), s: () => relationOf(current) && split(current), d: () => relationOf(current) && drop(current) },
    ask: { y: () => answer("yes"), n: () => answer("no"), m: () => answer("other"), k: () => answer("skip") },
    facts: { j: () => moveToFact(factPlace + 1), k: () => moveToFact(factPlace - 1), y: () => judgeFact(factPlace, true), n: () => judgeFact(factPlace, false) },
    decisions: {},
    result: { t: () => startWork("transfer"), c: () => startWork("recalibrate"), a: acceptMoves, w: () => startWork("save") },
  };
  document.addEventListener("keydown", (event) => {
    if (!keysOn || !overview || $("dialog").open || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, select, textarea")) { if (event.key === "Escape") event.target.blur(); return; }
    const general = { u: undo, "?": keysDialog, "/": () => SEARCH[view] && $(SEARCH[view]).focus() };
    const action = VIEWS[Number(event.key) - 1] ? () => show(VIEWS[Number(event.key) - 1]) : press[view][event.key] ?? general[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
  $("keys-open").addEventListener("click", keysDialog);
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
    try { localStorage.setItem("relscout-theme", root.dataset.theme); } catch { /* until a reload */ }
  });

  // further views are added by other scripts before the page starts
  const add = (name_, { keys, press: pressed, reload: reloaded, search }) => {
    KEYS[name_] = keys;
    press[name_] = pressed;
    further[name_] = { reload: reloaded };
    if (search) SEARCH[name_] = search;
  };
  document.addEventListener("DOMContentLoaded", () => refresh().then(() => { showView(); document.body.dataset.ready = "yes"; }));
  return { $, element, name, button, marked, counted, api, shown, decide, dialog, relationOf, nameOf, other, add, view: () => view };
})();
