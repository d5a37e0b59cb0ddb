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
    // What is offered can be edited before it is sent; what was typed stays.
    const offered = root.querySelector("#offered");
    offered?.addEventListener("change", () => {
      const reason = byId("reason");
      const between = reason.tagName === "TEXTAREA" ? "\n" : " ";
      reason.value = [reason.value, offered.value].filter(Boolean).join(between);
      offered.value = "";
      reason.focus();
    });
  };

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
  const unseen = byId("unseen");
  let isPaused = false;
  let isStale = false;
  // While the page is held, it says that it may be behind.
  const tellUnseen = () => {
    const text = isPaused && isStale ? unseen?.dataset.text : "";
    if (unseen && unseen.textContent !== text) unseen.textContent = text;
  };
  if (pause) {
    const texts = [pause.textContent, pause.dataset.resume];
    pause.hidden = false;
    pause.addEventListener("click", () => {
      isPaused = !isPaused;
      pause.textContent = texts[Number(isPaused)];
      catchUp();
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
  const catchUp = async () => {
    if (isStale) {
      isStale = false;
      // What changes meanwhile is seen the next time.
      if (!(await refresh())) isStale = true;
    }
    tellUnseen();
  };
  const hear = () => {
    if (source || document.hidden) return;
    source = new EventSource(live);
    source.addEventListener("changed", () => {
      isStale = true;
      catchUp();
    });
  };
  const leave = () => {
    // Nothing is heard until the page is seen again.
    if (isPaused) isStale = true;
    source?.close();
    source = null;
  };
  setInterval(catchUp, 1000);
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : hear()));
  addEventListener("pagehide", leave);
  // After all that the page itself needs.
  setTimeout(hear, 2000);
})();
