"use strict";
// What all pictures share; they are drawn by Plotly, each when it comes into sight.
relscout.charts = (() => {
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  // Plotly reads some HTML in texts, and these come from a corpus
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const short = (text, most = 34) => plain(text.length > most ? `${text.slice(0, most - 1)}…` : text);
  const lines = (text) => (text.match(/.{1,70}(\s|$)|.{1,70}/gs) ?? []).slice(0, 7).map(plain).join("<br>");
  const axis = { showgrid: false, zeroline: false, showticklabels: false, ticks: "" };
  const layout = (more) => ({
    paper_bgcolor: css("--card"), plot_bgcolor: css("--card"), font: { color: css("--ink"), family: "system-ui, sans-serif", size: 13 },
    margin: { l: 20, r: 20, t: 20, b: 20 }, hoverlabel: { align: "left", font: { size: 13 } }, uirevision: "kept", ...more,
  });
  const narrow = () => window.innerWidth < 740;
  const scale = () => (document.documentElement.dataset.theme === "dark"
    ? [[0, css("--card")], [1, "#7cc0f0"]] : [[0, "#ffffff"], [1, "#005a92"]]);
  const legend = () => (narrow() ? { orientation: "h", y: -0.02, font: { size: 11 } } : { font: { size: 12 }, itemsizing: "constant" });

  const heat = (x, y, z, hover, more = {}) => [
    [{ type: "heatmap", x: x.map((_, place) => place), y: y.map((_, place) => place), z, colorscale: scale(), hoverongaps: false,
      text: hover, hovertemplate: "%{text}<extra></extra>", showscale: false, xgap: 1, ygap: 1, ...more }],
    layout({
      margin: { l: 10, r: 10, t: 10, b: 10 },
      xaxis: { tickvals: x.map((_, place) => place), ticktext: x.map((one) => short(one, narrow() ? 12 : 24)), automargin: true, tickangle: -45, showgrid: false, zeroline: false },
      yaxis: { tickvals: y.map((_, place) => place), ticktext: y.map((one) => short(one, narrow() ? 12 : 30)), automargin: true, autorange: "reversed", showgrid: false, zeroline: false },
      height: Math.max(340, 28 * y.length + 130),
    }),
  ];

  // pictures: id of its place → function that gives its traces and its layout; drawn: told of the first time
  const begin = (pictures, first = () => {}) => {
    const drawn = new Set();
    const draw = (id) => {
      const [traces, look] = pictures[id]();
      const place = document.getElementById(id);
      const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["autoScale2d", "toImage"] };
      return Plotly.react(place, traces, look, options).then(() => {
        if (!drawn.has(id)) first(id, place);
        drawn.add(id);
        place.dataset.drawn = "yes";
      });
    };
    const places = Object.keys(pictures).map((id) => document.getElementById(id)).filter(Boolean);
    const load = async () => {
      document.head.append(relscout.element("script", await relscout.unpacked("plotly")));
      const seen = new IntersectionObserver((entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          seen.unobserve(target);
          draw(target.id);
        }
      }, { rootMargin: "300px" });
      for (const place of places) seen.observe(place);
      document.body.dataset.ready = "pictures";
      const root = document.documentElement;
      let theme = root.dataset.theme;
      window.addEventListener("beforeprint", () => {
        // paper is light
        theme = root.dataset.theme;
        root.dataset.theme = "light";
        for (const place of places) draw(place.id);
      });
      window.addEventListener("afterprint", () => {
        root.dataset.theme = theme;
        for (const place of places) draw(place.id);
      });
    };
    relscout.themed.push(() => { for (const id of drawn) draw(id); });
    // the words are there first; the library is large
    setTimeout(load, 0);
  };
  return { css, plain, short, lines, axis, layout, narrow, legend, heat, begin };
})();
