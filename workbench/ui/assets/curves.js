// Loss curves that grow while runs train. Each poll fetches only the points that are new, so zoom and legend stay.
workbench.curves = ({ element, server }) => {
  const plot = element.querySelector(".plot");
  const shown = new Map(); // run id → {after, slot, trace}

  const css = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const color = (slot) => css(`--wb-curve-${(slot % 6) + 1}`);
  const axis = (title) => ({
    title: { text: title, standoff: 8 }, gridcolor: css("--wb-line"), linecolor: css("--wb-line"),
    zeroline: false, tickfont: { color: css("--wb-muted") }, automargin: true,
  });
  const layout = () => ({
    margin: { l: 52, r: 12, t: 8, b: 44 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: css("--wb-font"), size: 12, color: css("--wb-muted") },
    xaxis: { ...axis("step"), rangemode: "tozero" }, yaxis: { ...axis("loss"), rangemode: "tozero" },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { color: css("--wb-ink") } },
    hovermode: "x unified", hoverlabel: { bgcolor: css("--wb-surface"), bordercolor: css("--wb-line"), font: { color: css("--wb-ink") } },
    dragmode: "zoom", uirevision: "kept",
  });
  const traces = (curve, slot) => [
    { name: curve.name, x: [], y: [], mode: "lines+markers", line: { width: 1.8, color: color(slot) }, marker: { size: 3.5, color: color(slot) } },
    { name: `${curve.name}, validation`, x: [], y: [], mode: "lines+markers", line: { width: 1.2, dash: "dot", color: color(slot) },
      marker: { size: 7, color: color(slot) } },
  ];
  const wanted = () => [...document.querySelectorAll("[data-curve]:checked")].map((box) => box.dataset.curve);
  const freeSlot = () => { let slot = 0; while ([...shown.values()].some((one) => one.slot === slot)) slot++; return slot; };

  async function drop(id) {
    const { trace } = shown.get(id);
    shown.delete(id);
    await Plotly.deleteTraces(plot, [trace, trace + 1]);
    for (const one of shown.values()) if (one.trace > trace) one.trace -= 2;
  }

  async function grow(curve) {
    if (!shown.has(curve.id)) {
      const one = { after: 0, slot: freeSlot(), trace: plot.data.length };
      shown.set(curve.id, one);
      await Plotly.addTraces(plot, traces(curve, one.slot));
    }
    const one = shown.get(curve.id);
    if (curve.start !== one.after) return; // an answer to an older question
    one.after = curve.after;
    const [a, b] = [curve.train, curve.validation];
    if (a.x.length || b.x.length) await Plotly.extendTraces(plot, { x: [a.x, b.x], y: [a.y, b.y] }, [one.trace, one.trace + 1]);
  }

  let busy = Promise.resolve();
  const use = (reply) => {
    if (!window.Plotly) return;
    busy = busy.then(async () => {
      const chosen = wanted();
      for (const id of [...shown.keys()]) if (!chosen.includes(id)) await drop(id);
      for (const curve of reply.curves ?? []) if (chosen.includes(curve.id)) await grow(curve);
    }).catch(console.error);
  };

  function dress() {
    Plotly.relayout(plot, layout());
    for (const { slot, trace } of shown.values()) Plotly.restyle(plot, { "line.color": color(slot), "marker.color": color(slot) }, [trace, trace + 1]);
  }

  if (window.Plotly) {
    Plotly.newPlot(plot, [], layout(), { responsive: true, displaylogo: false, displayModeBar: false });
    new MutationObserver(dress).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  } else plot.textContent = "The curves cannot be drawn: the Plotly library is missing.";
  const have = () => Object.fromEntries(wanted().map((id) => [id, shown.get(id)?.after ?? 0]));
  const again = workbench.poll(server.tick, () => ({ have: have(), exportable: document.querySelector("#wb-export form")?.dataset.run ?? "" }), use);
  document.addEventListener("change", (event) => event.target.matches("[data-curve]") && again());
};
