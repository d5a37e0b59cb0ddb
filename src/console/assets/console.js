// What makes the pages more convenient. All of them work without it.
"use strict";
(() => {
  const REFRESH_EVERY = 5000;
  const live = new URL("../live", document.currentScript.src).href;
  const byId = (id) => document.getElementById(id);

  // Times in the reader's zone.
  const tell = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.valueOf())) {
        time.title = at.toLocaleString(document.documentElement.lang, { dateStyle: "full", timeStyle: "long" });
      }
    }
  };

  // What only the script can do is shown only with it.
  const prepare = (root) => {
    tell(root);
    const all = root.querySelector("#all");
    if (all) {
      all.hidden = false;
      all.addEventListener("change", () => {
        for (const box of root.querySelectorAll("input[name=selected]")) box.checked = all.checked;
      });
    }
    for (const button of root.querySelectorAll("[data-reason]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        const reason = byId("reason");
        reason.value = button.dataset.reason;
        reason.focus();
      });
    }
  };

  for (const link of document.querySelectorAll("[data-nav]")) {
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
  }
  prepare(document);

  // A notice is of this answer: when the page is made anew, it may be true no more.
  const here = new URL(location.href);
  const notices = ["notice", "redelivered", "abandoned"].filter((it) => here.searchParams.has(it));
  if (notices.length > 0) {
    for (const it of notices) here.searchParams.delete(it);
    history.replaceState(history.state, "", here);
  }

  // The queue's keys.
  const isTyping = () => /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName ?? "");
  if (document.querySelector("[data-queue]")) {
    document.addEventListener("keydown", (event) => {
      // A key that is held down decides once.
      if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape" && isTyping()) return document.activeElement.blur();
      if (isTyping()) return;
      if (event.key === "?") byId("keys").hidden = !byId("keys").hidden;
      else if (event.key === "k") history.back();
      else {
        const control = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
        if (!control) return;
        if (control.tagName === "TEXTAREA") control.focus();
        else control.click();
      }
      event.preventDefault();
    });
  }

  // A form is sent once.
  document.addEventListener("submit", (event) => {
    if (event.target.method === "get") return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });

  // The page, made anew.
  const main = byId("main");
  if (!("live" in main.dataset)) return;
  const pause = byId("pause");
  let isPaused = false;
  if (pause) {
    const texts = [pause.textContent, pause.dataset.resume];
    pause.hidden = false;
    pause.addEventListener("click", () => {
      isPaused = !isPaused;
      pause.textContent = texts[Number(isPaused)];
    });
  }
  const isChanged = (select) => {
    const first = [...select.options].findIndex((it) => it.defaultSelected);
    return select.selectedIndex !== Math.max(first, 0);
  };
  const isInUse = () =>
    isPaused || document.hidden || main.contains(document.activeElement) ||
    main.querySelector("details[open], input:checked") !== null ||
    [...main.querySelectorAll("select")].some(isChanged) ||
    [...main.querySelectorAll("textarea, input[type=text], input:not([type])")].some((it) => it.value !== it.defaultValue) ||
    !(getSelection()?.isCollapsed ?? true);
  const refresh = async () => {
    if (isInUse()) return false;
    try {
      const response = await fetch(location.href, { redirect: "manual", headers: { accept: "text/html" } });
      if (isInUse()) return false;
      // The session has ended, so this leads to the sign-in.
      if (response.type === "opaqueredirect") location.reload();
      if (!response.ok) return true;
      const made = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("main");
      if (!made || made.innerHTML === main.dataset.made) return true;
      main.dataset.made = made.innerHTML;
      main.replaceChildren(...made.childNodes);
      prepare(main);
    } catch { /* The next time. */ }
    return true;
  };
  setInterval(refresh, REFRESH_EVERY);

  // Word of changes, while the page is seen: a browser has few connections to a server.
  let source = null;
  let isStale = false;
  const hear = () => {
    if (source || document.hidden) return;
    source = new EventSource(live);
    source.addEventListener("changed", async () => {
      isStale = !(await refresh());
    });
  };
  const leave = () => {
    source?.close();
    source = null;
  };
  setInterval(async () => {
    if (isStale) isStale = !(await refresh());
  }, 1000);
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : hear()));
  addEventListener("pagehide", leave);
  // After all that the page itself needs.
  setTimeout(hear, 2000);
})();
