// Draws every element with data-figure: Plotly's plain data, in which "@name" stands for a colour of the page.
(window.workbench ??= {}).figures = (() => {
  "use strict";
  const css = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();
  const color = (name) => css(/^c\d$/.test(name) ? `--wb-curve-${name[1]}` : `--wb-${name}`);
  const dressed = (value) => {
    if (typeof value === "string") return /^@\w+$/.test(value) ? color(value.slice(1)) : value;
    if (Array.isArray(value)) return value.map(dressed);
    return value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, dressed(v)])) : value;
  };
  // Plotly reads some HTML in names: text from outside stays text.
  const escaped = (text) => String(text).replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
  const named = (trace) => ({ ...trace, name: escaped(trace.name), ...(trace.text ? { text: trace.text.map(escaped) } : {}) });
  const axis = (given = {}) => ({
    gridcolor: css("--wb-line"), linecolor: css("--wb-line"), zeroline: false, automargin: true, tickfont: { color: css("--wb-muted") },
    ...dressed(given), ...(given.ticktext ? { ticktext: given.ticktext.map(escaped) } : {}),
  });

  function draw(element) {
    const figure = JSON.parse(element.dataset.figure);
    const layout = {
      margin: { l: 56, r: 16, t: 8, b: 48 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height: figure.height,
      font: { family: css("--wb-font"), size: 12, color: css("--wb-muted") }, ...dressed(figure.layout),
      xaxis: axis(figure.layout.xaxis), yaxis: axis(figure.layout.yaxis),
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { color: css("--wb-ink") } }, showlegend: true,
      hoverlabel: { bgcolor: css("--wb-surface"), bordercolor: css("--wb-line"), font: { color: css("--wb-ink") } },
    };
    Plotly.react(element, dressed(figure.data).map(named), layout, { responsive: true, displaylogo: false, displayModeBar: false });
  }

  function all(root = document) {
    for (const element of root.querySelectorAll("[data-figure]")) {
      if (window.Plotly) draw(element);
      else element.textContent = "The plot cannot be drawn: the Plotly library is missing.";
    }
  }

  // Once a page: plots in changed HTML are drawn anew, and all of them when light turns to dark.
  function keep(root) {
    all(root);
    new MutationObserver((changes) => changes.some((change) => [...change.addedNodes].some((node) => node.querySelector?.("[data-figure]")))
      && all(root)).observe(root, { childList: true, subtree: true });
    new MutationObserver(() => all(root)).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }
  return { all, keep };
})();
