// Review and Inbox: a queue worked through with single keys. Knows no scenario: the server draws each.
// What comes next is fetched before it is wanted, and verdicts are sent behind one's back, one after the other.
//   named  whether people say who they are first     words  what verdicts are called when they are counted
//   keys   key → verdict, beside E, S and U; the first is the one that an item can bar ([data-barred])
//          an item allows a verdict of [data-only] only where it has an element with that verdict in data-allows
window.workbenchReview = (element, server, trigger, options) => {
  "use strict";
  const { named = true, keys = { a: "approve", r: "reject" }, words = { approve: "approved", reject: "rejected" }, only = [] } = options ?? {};
  const [GOOD] = Object.values(keys);
  const NAME = "workbench-reviewer", AHEAD = 4;
  const slot = (name) => element.querySelector(`[data-slot=${name}]`);
  const cache = new Map(); // id → promise of its HTML
  let queue = [], at = 0, done = [], undone = [], sent = Promise.resolve(), ready = false;
  let reviewer = localStorage.getItem(NAME) ?? "";

  const wanted = () => workbench.query().toolset?.[0] ?? "";
  const ask = async (what, more = {}) => {
    const reply = await server.ask({ what, reviewer, toolset: wanted(), query: workbench.query(), ...more });
    if (!reply) throw new Error("The app does not answer.");
    if (reply.toast) workbench.show("notice", reply.toast);
    return reply;
  };
  const item = (id) => {
    if (!cache.has(id)) cache.set(id, ask("item", { id }).then((reply) => reply.html, (error) => (cache.delete(id), Promise.reject(error))));
    return cache.get(id);
  };
  const current = () => queue[at];
  const editing = () => document.querySelector("#wb-editor form");

  async function start() {
    if (named && !reviewer) return askName();
    const reply = await ask("queue");
    if (!reply.ids) return;
    slot("setup").innerHTML = reply.setup;
    queue = reply.ids;
    at = 0;
    const open = workbench.query().open?.[0];
    if (open) queue = [open, ...queue.filter((id) => id !== open)];
    cache.clear();
    ready = true;
    await draw();
  }

  function askName() {
    element.querySelector("[data-who]").hidden = false;
    element.querySelector("[data-desk]").hidden = true;
    element.querySelector("[name=reviewer]").focus();
  }

  async function draw() {
    tally();
    const id = current();
    const search = new URLSearchParams(location.search);
    if (id) search.set("open", id);
    else search.delete("open");
    const text = search.toString();
    history.replaceState(history.state, "", location.pathname + (text ? `?${text}` : ""));
    if (!id) return void end();
    const html = await item(id);
    if (id !== current()) return;
    slot("item").innerHTML = html;
    element.querySelectorAll("[data-key]").forEach((button) => (button.disabled = false));
    for (const next of queue.slice(at + 1, at + 1 + AHEAD)) item(next).catch(() => {});
  }

  function end() {
    const skipped = [...new Set(done.filter((one) => one.verdict === "skip").map((one) => one.id))];
    slot("item").innerHTML = element.querySelector(skipped.length ? "[data-again]" : "[data-none]").innerHTML;
    element.querySelectorAll("[data-key]").forEach((button) => (button.disabled = button.dataset.key !== "u" || !done.length));
  }

  function tally() {
    const count = (word) => done.filter((one) => (words[one.verdict] ?? "skipped") === word).length;
    const left = Math.max(0, queue.length - at);
    const all = done.length + left;
    slot("bar").max = all || 1;
    slot("bar").value = all - left;
    slot("count").textContent = all ? `${Math.min(all, all - left + 1)} of ${all}` : "";
    slot("tally").textContent = [...new Set([...Object.values(words), "skipped"])].map((word) => `${count(word)} ${word}`).join(", ");
    element.querySelector("[data-shortcut=redo]").disabled = !undone.length;
  }

  // Goes on at once; should the server refuse, the draft comes back with the reason.
  function judge(verdict, other) {
    const id = current();
    if (!ready || !id || editing()) return;
    const barred = slot("item").querySelector("[data-barred]");
    if (only.includes(verdict) && !slot("item").querySelector(`[data-allows=${verdict}]`)) return;
    if (verdict === GOOD && barred && !other) return void workbench.show("notice", barred.innerHTML + `<!-- ${Date.now()} -->`);
    const one = { id, verdict, change: 0 };
    done.push(one);
    undone = [];
    at += 1;
    if (verdict !== "skip")
      sent = sent.then(async () => {
        const reply = await ask("judge", { id: other ?? id, verdict });
        if (reply.change) one.change = reply.change;
        else refused(one);
      }).catch(() => refused(one));
    draw();
  }

  function refused(one) {
    done = done.filter((other) => other !== one);
    cache.delete(one.id);
    queue.splice(at, 0, one.id);
    draw();
  }

  async function back() {
    if (!ready || editing()) return;
    const one = done.pop();
    if (!one) return void (await ask("undo", { change: 0 }), start());
    await sent;
    if (one.verdict !== "skip" && !(await ask("undo", { change: one.change })).change) return void done.push(one);
    undone.push(one);
    cache.delete(one.id);
    at -= queue[at - 1] === one.id ? 1 : 0;
    if (current() !== one.id) queue.splice(at, 0, one.id);
    draw();
  }

  async function again() {
    if (!ready || editing()) return;
    const one = undone.pop();
    if (!one) return;
    if (one.verdict !== "skip" && !(await ask("redo", { change: one.change })).change) return void undone.push(one);
    done.push(one);
    if (current() === one.id) at += 1;
    draw();
  }

  function edit() {
    if (ready && current() && !editing()) trigger("edit", { id: current(), query: workbench.query() });
  }

  const KEYS = { s: () => judge("skip"), e: edit, u: back };
  for (const [key, verdict] of Object.entries(keys)) KEYS[key] = () => judge(verdict);

  element.addEventListener("click", (event) => {
    const button = event.target.closest("[data-key], [data-go], [data-rename], [data-shortcut], [data-other]");
    if (!button) return;
    if (button.dataset.key) return KEYS[button.dataset.key]();
    if (button.dataset.other) return judge(GOOD, button.dataset.other);
    if (button.dataset.shortcut === "redo") return void again();
    if ("rename" in button.dataset) return askName();
    event.preventDefault();
    if (button.dataset.go === "again") {
      queue = [...new Set(done.filter((one) => one.verdict === "skip").map((one) => one.id))];
      done = done.filter((one) => one.verdict !== "skip");
      at = 0;
    } else if (current() !== button.dataset.go) queue.splice(at, 0, button.dataset.go);
    draw();
  });
  element.addEventListener("submit", (event) => {
    if (!("who" in event.target.dataset)) return;
    event.preventDefault();
    reviewer = event.target.elements.reviewer.value.trim();
    if (!reviewer) return;
    localStorage.setItem(NAME, reviewer);
    element.querySelector("[data-who]").hidden = true;
    element.querySelector("[data-desk]").hidden = false;
    start();
  });
  element.addEventListener("change", async (event) => {
    const { name, value, dataset } = event.target;
    if ("filter" in dataset) {
      const search = new URLSearchParams(location.search);
      search.delete("open");
      value ? search.set(name, value) : search.delete(name);
      history.replaceState(history.state, "", `${location.pathname}?${search}`);
      return void start();
    }
    if (name === "toolset") return void (location.search = new URLSearchParams({ toolset: value }).toString());
    if (name === "reviewers") await ask("reviewers", { reviewers: Number(value) }), start();
  });
  addEventListener("keydown", (event) => {
    if (event.key === "Escape" && editing()) return void document.querySelector("#wb-editor [data-event=close]")?.click();
    if (event.ctrlKey || event.metaKey || event.altKey || workbench.typing(event.target) || event.repeat) return;
    const act = KEYS[event.key.toLowerCase()];
    if (!act || event.target.closest?.("#wb-editor")) return;
    event.preventDefault();
    act();
  });
  // The editor says when it has saved: the draft is drawn anew. What it saves is the reviewer's work.
  new MutationObserver(() => {
    if (editing()) editing().dataset.reviewer = reviewer;
    const saved = document.querySelector("#wb-editor [data-saved]");
    if (!saved || saved.seen) return;
    saved.seen = true;
    cache.delete(saved.dataset.saved);
    // Where saving is the verdict, the queue goes on.
    if (saved.dataset.change && current() === saved.dataset.saved) {
      done.push({ id: saved.dataset.saved, verdict: "correct", change: Number(saved.dataset.change) });
      at += 1;
    }
    draw();
  }).observe(document.getElementById("wb-editor"), { childList: true, subtree: true });

  document.addEventListener("workbench-queue", start);
  const known = element.querySelector("[name=reviewer]");
  if (!reviewer && known?.value) reviewer = known.value;
  start();
};
