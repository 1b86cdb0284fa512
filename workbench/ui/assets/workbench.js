// Joins server-rendered HTML to the app. Knows no page: elements say with data attributes which event they send.
//   data-event   a click sends this event          data-change  a changed field sends it
//   data-input   typing sends it, after a pause    data-submit  submitting the form sends it, or several
//   data-still   clicks in here send nothing       data-all     ticks every box of that name in the same part
// Each event carries the element's data attributes, the fields of its form and the address's query.
// The address follows the page: an element with data-query says what it must be.
window.workbench = (() => {
  "use strict";
  const PAUSE_MS = 250, PATIENCE_MS = 4000;
  const parts = {};
  const ticks = new Map(); // runs whose curves the person switched on or off
  const folds = new Map(); // what the person opened or closed stays so when its surroundings are drawn anew
  const title = (fold) => fold.querySelector("summary").textContent.replace(/\d+/g, "").trim();

  const lists = (pairs) => {
    const out = {};
    for (const [name, value] of pairs) if (typeof value === "string") (out[name] ??= []).push(value);
    return out;
  };
  const query = () => lists(new URLSearchParams(location.search));
  const guarded = () => document.querySelector("form[data-guard].changed");

  function wire({ name, element, trigger, watch, props, events }) {
    parts[name] = props;
    const send = (event, source, submitter) => {
      if (!events.includes(event) || !source.isConnected) return;
      const form = source.closest("form");
      if (form && "turns" in form.dataset && !mayAsk(form, () => send(event, source, submitter))) return;
      form?.typed?.clear();
      const data = { ...source.dataset, ...(submitter?.dataset ?? {}) };
      trigger(event, { ...data, value: source.value ?? "", form: form ? lists(new FormData(form)) : {}, query: query() });
    };
    const leaves = (target) => "leave" in target.dataset;

    element.addEventListener("click", (event) => {
      const target = event.target.closest("[data-event], [data-press], [data-dismiss], [data-still]");
      if (!target || !element.contains(target) || "still" in target.dataset) return;
      if ("dismiss" in target.dataset) return void (target.closest(".toast").hidden = true);
      if (target.dataset.press) return press(target.dataset.press);
      event.preventDefault();
      if (leaves(target) && guarded() && !confirm("Leave without saving your changes?")) return;
      if (leaves(target)) forget(guarded());
      target.closest("details.menu")?.removeAttribute("open");
      send(target.dataset.event, target);
    });
    element.addEventListener("click", (event) => {
      const fold = event.target.closest("summary")?.parentElement;
      if (fold?.classList.contains("fold")) setTimeout(() => folds.set(title(fold), fold.open));
    });
    element.addEventListener("submit", (event) => {
      event.preventDefault();
      const form = event.target;
      for (const name of (form.dataset.submit ?? "").split(" ").filter(Boolean)) send(name, form, event.submitter);
    });
    element.addEventListener("change", (event) => event.target.dataset.change && send(event.target.dataset.change, event.target));
    element.addEventListener("change", (event) => event.target.dataset.curve && ticks.set(event.target.dataset.curve, event.target.checked));
    element.addEventListener("change", (event) => {
      for (const box of event.target.dataset.all ? element.querySelectorAll(`[name=${event.target.dataset.all}]`) : []) box.checked = event.target.checked;
    });
    let timer;
    element.addEventListener("input", (event) => {
      const form = event.target.closest("form");
      if (form) (form.typed ??= new Map()).set(keyOf(event.target), event.target);
      if (form && "guard" in form.dataset) form.classList.add("changed");
      if (!event.target.dataset.input) return;
      clearTimeout(timer);
      timer = setTimeout(() => send(event.target.dataset.input, event.target), PAUSE_MS);
    });
    element.addEventListener("keydown", (event) => {
      const form = event.target.closest("form[data-guard]");
      if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(form.querySelector("[type=submit]"));
    });
    watch("value", () => settle(element));
    settle(element);
  }

  // After each rendering: fields show what the server says, the address follows, focus goes where it is wanted.
  function settle(element) {
    for (const form of element.querySelectorAll("form[data-reset]")) refill(form);
    for (const form of element.querySelectorAll("form[data-guard]")) form.classList.toggle("changed", "dirty" in form.dataset);
    for (const fold of element.querySelectorAll("details.fold")) if (folds.has(title(fold))) fold.open = folds.get(title(fold));
    for (const box of element.querySelectorAll("[data-curve]")) box.checked = ticks.get(box.dataset.curve) ?? box.hasAttribute("checked");
    const place = element.querySelector("[data-query]");
    if (place) {
      const search = place.dataset.query ? `?${place.dataset.query}` : "";
      if (search !== location.search) history.replaceState(history.state, "", location.pathname + search + location.hash);
    }
    const wanted = element.querySelector("[data-focus]");
    if (wanted && wanted.dataset.focus !== element.dataset.focused) {
      element.dataset.focused = wanted.dataset.focus;
      (wanted.querySelector("[aria-invalid=true]") ?? (location.hash && wanted.querySelector(`[id="${CSS.escape(location.hash.slice(1))}"]`) || null) ?? wanted.querySelector("[data-first]") ?? wanted).focus({ preventScroll: false });
    }
    document.dispatchEvent(new Event("workbench-settled"));
    for (const toast of element.querySelectorAll(".toast")) {
      toast.hidden = false;
      clearTimeout(toast.timer);
      if (!toast.matches(".bad, .working")) toast.timer = setTimeout(() => (toast.hidden = true), 7000);
    }
  }

  function forget(form) {
    form?.classList.remove("changed");
    form?.typed?.clear();
  }

  // A form that each answer draws anew asks one thing after the other; what comes meanwhile waits for the answer.
  function mayAsk(form, ask) {
    if (form.asking) return void (form.next = ask);
    form.asking = setTimeout(() => answered(form), PATIENCE_MS);
    return true;
  }
  function answered(form) {
    clearTimeout(form.asking);
    const next = form.next;
    form.asking = form.next = null;
    next?.();
  }

  // Shows what the server says, but keeps what was typed after the server was asked.
  function refill(form) {
    const kept = [...(form.typed ?? [])].map(([key, field]) => [key, field.value, field.checked]);
    form.reset();
    for (const field of form.elements) {
      const [, value, checked] = kept.find(([key]) => key === keyOf(field)) ?? [];
      if (value === undefined) continue;
      if (ticked(field)) field.checked = checked;
      else field.value = value;
    }
    answered(form);
  }
  const ticked = (field) => ["checkbox", "radio"].includes(field.type);
  const keyOf = (field) => (ticked(field) ? `${field.name}=${field.value}` : field.name);

  // Calls a server function again and again: {parts: {name: html}, again: seconds}. A lost app is waited for.
  // Returns a function that asks at once.
  function poll(tick, body = () => ({}), use = () => {}) {
    let wait = 1, timer;
    const turn = async () => {
      clearTimeout(timer);
      if (document.hidden) return void (timer = setTimeout(turn, 1000));
      try {
        // Gradio answers with undefined where a request failed.
        const reply = await tick({ query: query(), waiting: !!document.querySelector("[data-waiting]"), ...body() });
        if (!reply) throw new TypeError("failed to fetch");
        for (const [name, html] of Object.entries(reply.parts ?? {})) if (parts[name] && parts[name].value !== html) parts[name].value = html;
        use(reply);
        lost(false);
        wait = reply.again ?? 3;
      } catch (error) {
        if (!/fetch|network|failed|json|status/i.test(String(error))) console.error(error);
        lost(true);
        wait = Math.min(wait * 2, 15);
      }
      clearTimeout(timer);
      timer = setTimeout(turn, wait * 1000);
    };
    timer = setTimeout(turn, 300);
    return turn;
  }

  // Shows what the server finds for the text of a field while it is typed; gone when another form takes its place.
  function beside(selector, find, props) {
    const key = () => document.querySelector(selector)?.closest("form")?.dataset.focus ?? "";
    let timer, shown = "", asked = 0;
    document.addEventListener("input", (event) => {
      if (!event.target.matches?.(selector)) return;
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const field = event.target, mine = ++asked;
        shown = key();
        const html = await find({ form: lists(new FormData(field.form)), query: query() });
        if (mine === asked && html !== undefined && shown === key()) props.value = html;
      }, PAUSE_MS);
    });
    document.addEventListener("workbench-settled", () => {
      if (shown && shown !== key()) [shown, props.value] = ["", ""];
    });
  }

  // A form whose field is typed in: Enter sends, Shift+Enter begins a line, what was sent leaves the field. While an
  // answer grows nothing is sent; Escape stops it.
  function composer(element) {
    const field = () => element.querySelector("textarea");
    const growing = () => document.querySelector("[data-waiting]");
    element.addEventListener("keydown", (event) => {
      if (event.target !== field() || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      if (field().value.trim() && !growing()) field().form.requestSubmit();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing || !growing() || document.querySelector("details.menu[open]")) return;
      element.querySelector("[data-stop]").click();
    });
    document.addEventListener("click", (event) => event.target.closest?.("[data-event=stop]") && field().focus());
    element.addEventListener("submit", () => setTimeout(() => ((field().value = ""), field().focus())));
    document.addEventListener("workbench-settled", () => {
      for (const news of document.querySelectorAll("[data-waiting]")) news.closest("article")?.scrollIntoView({ block: "nearest" });
    });
    document.addEventListener("click", (event) => {
      const text = event.target.closest?.("[data-example]")?.dataset.example;
      if (!text) return;
      field().value = text;
      field().form.requestSubmit();
    });
  }

  function lost(yes) {
    let bar = document.getElementById("wb-lost");
    if (yes && !bar) {
      bar = Object.assign(document.createElement("div"), { id: "wb-lost", textContent: "The app does not answer. Trying again…" });
      bar.setAttribute("role", "status");
      document.body.append(bar);
    } else if (!yes && bar) bar.remove();
  }

  // Light and dark: the system's choice until the person makes their own.
  const LIGHT = "workbench-light";
  const setDark = (dark) => document.body.classList.toggle("dark", dark);
  function recallLight() {
    const kept = localStorage.getItem(LIGHT);
    if (kept) setDark(kept === "dark");
  }
  function toggleLight() {
    const dark = !document.body.classList.contains("dark");
    localStorage.setItem(LIGHT, dark ? "dark" : "light");
    setDark(dark);
  }

  addEventListener("beforeunload", (event) => guarded() && event.preventDefault());
  addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.removeAttribute("open");
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.removeAttribute("open");
  });

  // Ctrl+Z and Ctrl+Shift+Z (or Ctrl+Y) press the page's own buttons, unless a field is being typed in: it has its own undo.
  const typing = (target) => !!target?.closest?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || typing(event.target)) return;
    const key = event.key.toLowerCase();
    const name = key === "y" || (key === "z" && event.shiftKey) ? "redo" : key === "z" ? "undo" : "";
    const button = name && document.querySelector(`[data-shortcut=${name}]:not([disabled])`);
    if (!button) return;
    event.preventDefault();
    button.click();
  });

  // Presses one of Gradio's hidden file buttons, which may not stand yet, or not hold their file yet.
  function press(selector, tries = 40) {
    const button = document.querySelector(selector);
    if (button) button.click();
    else if (tries) setTimeout(() => press(selector, tries - 1), 50);
  }

  const show = (name, html) => parts[name] && (parts[name].value = html);

  // A file on its way to the app. Whatever the app says next takes the place of this.
  const UPLOADING = `<div class="wb"><div class="toast working"><div><strong>Uploading…</strong><progress aria-label="Uploading"></progress></div>
    <button type="button" data-dismiss aria-label="Dismiss">✕</button></div></div>`;
  addEventListener("change", (event) => event.target.matches?.("input[type=file]") && event.target.files.length && show("notice", UPLOADING), true);

  return { wire, poll, beside, composer, press, query, typing, show, recallLight, toggleLight };
})();
