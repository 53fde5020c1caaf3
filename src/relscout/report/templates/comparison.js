"use strict";
// The picture of a comparison: shares of the first run's relations in those of the second.
relscout.ready.push((data) => {
  const { plain, heat, begin } = relscout.charts;
  const hover = data.table.map((row, y) => row.map(
    (count, x) => `${count} of ${plain(data.rows[y])} (${plain(data.names[0])})<br>in ${plain(data.columns[x])} (${plain(data.names[1])})`,
  ));
  const shares = data.table.map((row, y) => row.map((count) => count / Math.max(1, data.sizes[y])));
  begin({ "table-plot": () => heat(data.columns, data.rows, shares, hover, { zmin: 0, zmax: 1 }) });
});
