"use strict";
// The pictures of a discovery.
relscout.ready.push((data) => {
  const { css, plain, short, lines, axis, layout, narrow, legend, heat, begin } = relscout.charts;
  const relation = (id) => data.relations[id];

  const map = () => {
    const byId = new Map();
    data.map.rows.forEach((row, place) => {
      const id = data.sentences[row][1];
      if (!byId.has(id)) byId.set(id, { x: [], y: [], rows: [] });
      const one = byId.get(id);
      one.x.push(data.map.x[place]);
      one.y.push(data.map.y[place]);
      one.rows.push(row);
    });
    const traces = data.order.filter((id) => byId.has(id)).map((id) => {
      const { x, y, rows } = byId.get(id);
      return {
        type: "scatter", mode: "markers", x, y, customdata: rows, name: short(relation(id).name),
        marker: { color: relation(id).colour, symbol: relation(id).symbol, size: 7, opacity: 0.8 },
        // not in the template, in which a name with %{…} would be read as a field
        text: rows.map((row) => `<b>${short(relation(id).name)}</b><br>${lines(relscout.plain(data.sentences[row][0]))}`),
        hovertemplate: "%{text}<extra></extra>",
      };
    });
    return [traces, layout({ xaxis: axis, yaxis: { ...axis, scaleanchor: "x" }, dragmode: "lasso", legend: legend(), hovermode: "closest" })];
  };
  const likeness = () => {
    const names = data.order.slice(0, data.likeness.length).map((id) => relation(id).name);
    const hover = data.likeness.map((row, y) => row.map((value, x) => `${plain(names[y])}<br>${plain(names[x])}<br>${value?.toFixed(2) ?? "not known"}`));
    // a relation is itself: blank, so that the others can be told apart
    const z = data.likeness.map((row, y) => row.map((value, x) => (x === y ? null : value)));
    return heat(names, names, z, hover);
  };
  const gold = () => {
    const found = data.gold.found.map((id) => (id < 0 ? "(no relation)" : relation(id).name));
    const hover = data.gold.table.map((row, y) => row.map((count, x) => `${count} of gold ${plain(data.gold.names[y])}<br>found as ${plain(found[x])}`));
    // shares of a gold relation, so that small ones are seen too
    const z = data.gold.table.map((row, y) => row.map((count) => count / Math.max(1, data.gold.totals[y])));
    return heat(found, data.gold.names, z, hover, { zmin: 0, zmax: 1 });
  };
  const graph = () => {
    const nodes = data.graph.entities;
    const byRelation = new Map();
    for (const [head, tail, id] of data.graph.links) {
      if (!byRelation.has(id)) byRelation.set(id, { x: [], y: [] });
      const line = byRelation.get(id);
      line.x.push(nodes[head].x, nodes[tail].x, null);
      line.y.push(nodes[head].y, nodes[tail].y, null);
    }
    const traces = [...byRelation].map(([id, { x, y }]) => ({
      type: "scatter", mode: "lines", x, y, name: short(relation(id).name), line: { color: relation(id).colour, width: 2 }, hoverinfo: "skip",
    }));
    const by = (one) => one.relations.slice(0, 6).map(([id, count]) => `${short(relation(id)?.name ?? "?")} (${count})`).join("<br>");
    traces.push({
      type: "scatter", mode: "markers+text", x: nodes.map((one) => one.x), y: nodes.map((one) => one.y), showlegend: false,
      marker: { size: nodes.map((one) => 7 + 2.4 * Math.sqrt(one.links)), color: css("--card"), line: { color: css("--ink"), width: 1.5 } },
      text: nodes.map((one, place) => (place < (narrow() ? 8 : 24) ? short(one.name, 26) : "")), textposition: "top center", textfont: { size: 12 },
      hovertext: nodes.map((one) => `<b>${short(one.name, 60)}</b><br>connected to ${one.links}<br>${by(one)}`), hoverinfo: "text",
    });
    return [traces, layout({ xaxis: axis, yaxis: axis, legend: legend(), hovermode: "closest" })];
  };
  const curve = () => {
    const { candidates, smoothed, threshold, k } = data.curve;
    return [
      [{ type: "scatter", mode: "lines+markers", x: candidates, y: smoothed, name: "curve", line: { color: css("--accent") }, hovertemplate: "K = %{x}: %{y:.4f}<extra></extra>" },
        { type: "scatter", mode: "lines", x: [candidates[0], candidates.at(-1)], y: [threshold, threshold], name: "threshold", line: { color: css("--soft"), dash: "dot" }, hoverinfo: "skip" }],
      layout({
        margin: { l: 60, r: 20, t: 30, b: 50 }, showlegend: false,
        xaxis: { title: { text: "number of relations K" }, gridcolor: css("--line") }, yaxis: { gridcolor: css("--line"), zeroline: false },
        shapes: [{ type: "line", x0: k, x1: k, yref: "paper", y0: 0, y1: 1, line: { color: css("--ink"), width: 1 } }],
        annotations: [{ x: k, yref: "paper", y: 1, yanchor: "bottom", text: `K = ${k}`, showarrow: false }],
      }),
    ];
  };
  const picked = (event) => {
    const rows = (event?.points ?? []).map((point) => point.data.customdata[point.pointNumber]);
    const shown = rows.slice(0, 60).map((row) => relscout.sentence(data.sentences[row][0], relation(data.sentences[row][1]).name));
    if (rows.length > shown.length) shown.push(relscout.element("li", `and ${rows.length - shown.length} more`));
    document.getElementById("picked").replaceChildren(...shown);
  };

  const pictures = { "map-plot": map, "likeness-plot": likeness, "gold-plot": gold, "graph-plot": graph, "curve-plot": curve };
  begin(pictures, (id, place) => {
    if (id !== "map-plot") return;
    place.on("plotly_selected", picked);
    place.on("plotly_deselect", () => picked());
  });
});
