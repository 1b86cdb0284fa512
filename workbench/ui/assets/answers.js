// Steps through the rows of a table by keyboard: j and k or the arrows; letters press what the row offers.
workbench.stepping = (element) => {
  const rows = () => [...element.querySelectorAll("tr[data-row]")];
  const press = (selector) => {
    const target = element.querySelector(selector);
    if (target && !target.disabled) target.click();
    return !!target;
  };
  let wanted = null; // which end of the page that comes gets the focus

  function step(by) {
    const all = rows(), at = all.indexOf(document.activeElement?.closest?.("tr[data-row]"));
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
    if (next) return take(next);
    wanted = by > 0 ? "first" : "last";
    if (!press(by > 0 ? "[data-turn=next]:not(:disabled)" : "[data-turn=previous]:not(:disabled)")) wanted = null;
  }
  function take(row) {
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }
  const letters = { o: "open", e: "fix", v: "variant", r: "rerun", x: "raw" };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !element.isConnected) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const inside = element.contains(document.activeElement);
    const by = { j: 1, k: -1, ...(inside ? { ArrowDown: 1, ArrowUp: -1 } : {}) }[event.key];
    if (by && rows().length) {
      event.preventDefault();
      return step(by);
    }
    const row = document.activeElement?.closest?.("tr[data-row]");
    const target = row && letters[event.key] && row.querySelector(`[data-key=${letters[event.key]}]`);
    if (!target) return;
    event.preventDefault();
    if (target.tagName === "DETAILS") for (const one of row.querySelectorAll("[data-key=raw]")) one.open = !one.open;
    else target.click();
  });
  new MutationObserver(() => {
    const all = rows();
    if (!wanted || !all.length) return;
    take(wanted === "first" ? all[0] : all.at(-1));
    wanted = null;
  }).observe(element, { childList: true, subtree: true });
};
