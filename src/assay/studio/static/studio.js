// What pages need of the browser: theme, signing out, the token of unsafe requests, and whether anybody looks.
"use strict";

const Studio = {
  csrf: null,

  async session() {
    if (!this.csrf) this.csrf = (await (await fetch("/api/session")).json()).csrf_token;
    return this.csrf;
  },

  async send(method, path, body, headers = {}) {
    return fetch(path, { method, body, headers: { ...headers, "X-CSRF-Token": await this.session() } });
  },

  async signOut() {
    await this.send("DELETE", "/api/session");
    location.replace("/studio/sign-in");
  },

  turnTheme() {
    const next = document.body.classList.contains("light-page") ? "dark" : "light";
    document.cookie = `assay_theme=${next}; path=/studio; max-age=31536000; samesite=strict`;
    location.reload();
  },
};
window.Studio = Studio;

document.addEventListener("click", (event) => {
  const what = event.target.closest("[data-do]")?.dataset.do;
  if (what === "theme") Studio.turnTheme();
  if (what === "sign-out") Studio.signOut();
});

document.addEventListener("visibilitychange", () => {
  if (window.did_handshake) emitEvent("looked_at", document.visibilityState === "visible");
});

// What scrolls can be scrolled by the keyboard, too: tables of Quasar cannot be told so when they are made.
const scrolling = ".q-table__middle.scroll, .scroll, .gates, .trades .q-table__middle";
new MutationObserver(() => {
  for (const one of document.querySelectorAll(scrolling)) if (!one.hasAttribute("tabindex")) one.tabIndex = 0;
}).observe(document.documentElement, { childList: true, subtree: true });
