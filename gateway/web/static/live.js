// Keeps the live part of a screen fresh: asks every two seconds, more seldom while the box is silent, says when it
// last heard from the box, and leaves alone what a person is in the middle of.
"use strict";
(() => {
  const FAST_MS = 2000;
  const SLOWEST_MS = 30000;
  const STALE_MS = 10000;
  const seen = document.getElementById("seen");
  let heardAt = Date.now();
  let pauseMs = FAST_MS;
  let timer = 0;

  const live = () => document.getElementById("live");
  const isLive = (target) => target && target.id === "live";

  const poll = () => {
    const part = live();
    if (part && part.hasAttribute("hx-trigger") && !document.hidden) htmx.trigger(part, "poll");
    else schedule();
  };
  const schedule = () => {
    clearTimeout(timer);
    timer = setTimeout(poll, pauseMs);
  };
  const heard = () => {
    heardAt = Date.now();
    pauseMs = FAST_MS;
    tell();
    schedule();
  };
  const silent = () => {
    pauseMs = Math.min(SLOWEST_MS, pauseMs * 2);
    tell();
    schedule();
  };
  const tell = () => {
    const agoMs = Date.now() - heardAt;
    const stale = agoMs > STALE_MS;
    const ago = `${Math.max(0, Math.round(agoMs / 1000))} s ago`;
    document.body.classList.toggle("stale", stale);
    seen.textContent = stale ? `not heard from the box; seen ${ago}` : `seen ${ago}`;
  };

  const isTyping = (part) => {
    const at = document.activeElement;
    if (!at || !part.contains(at)) return false;
    return at.tagName === "SELECT" || at.tagName === "TEXTAREA" || (at.tagName === "INPUT" && at.type !== "checkbox" && at.type !== "radio");
  };
  // Ticks, choices and opened parts are a person's; a fresh copy from the box must not undo them.
  const remember = (part) => ({
    ticks: [...part.querySelectorAll("input[type=checkbox][id], input[type=radio][id]")].map((i) => [i.id, i.checked]),
    open: [...part.querySelectorAll("details[id][open]")].map((d) => d.id),
    picks: [...part.querySelectorAll("select[id]")].map((s) => [s.id, s.value]),
  });
  const restore = (kept) => {
    const find = (id) => document.getElementById(id);
    kept.ticks.forEach(([id, on]) => { const input = find(id); if (input) input.checked = on; });
    kept.open.forEach((id) => { const part = find(id); if (part) part.open = true; });
    kept.picks.forEach(([id, value]) => {
      const select = find(id);
      if (select && [...select.options].some((option) => option.value === value)) select.value = value;
    });
  };

  let kept = null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!isLive(event.detail.target)) return;
    if (isTyping(event.detail.target)) event.detail.shouldSwap = false;
    else kept = remember(event.detail.target);
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (kept) restore(kept);
    kept = null;
    offerCopy();
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    const status = event.detail.xhr ? event.detail.xhr.status : 0;
    if (status >= 200 && status < 300) heard();
    else silent();
  });

  const offerCopy = () => {
    const canCopy = navigator.clipboard && window.isSecureContext;
    document.querySelectorAll("button.copy").forEach((button) => { button.hidden = !canCopy; });
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });

  // A keyboard wedge types wherever the cursor is: what no other field wants goes into the field for codes. The field
  // does not take the cursor before, or a phone would open its keyboard and Tab would start in the middle of the page.
  const wedge = document.querySelector("[data-wedge]");
  document.addEventListener("keydown", (event) => {
    const at = document.activeElement;
    const typing = at && ["INPUT", "SELECT", "TEXTAREA"].includes(at.tagName);
    if (!wedge || typing || event.key.length !== 1 || event.key === " " || event.ctrlKey || event.metaKey || event.altKey) return;
    wedge.focus({ preventScroll: true });
  });
  offerCopy();
  if (seen && seen.dataset.live) {
    tell();
    setInterval(tell, 1000);
    schedule();
  }
})();
