"use strict";
(() => {
  const tip = document.getElementById("tip");
  const show = (event) => {
    const mark = event.target.closest("[data-tip]");
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.dataset.tip;
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, room))}px`;
    const above = event.clientY - tip.offsetHeight - 12;
    tip.style.top = `${above > 0 ? above : event.clientY + 18}px`;
  };
  document.addEventListener("pointermove", show);
  document.addEventListener("pointerdown", show);
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  // Pairs and settings are opened for printing and closed again afterwards. Chart numbers and changed tasks are left as
  // they are: hundreds of open tasks would fill hundreds of pages.
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details.pair:not(.change, [open]), details.settings:not([open])")];
    folded.forEach((one) => { one.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((one) => { one.open = false; }));

  // Changed tasks: filters, a search, and links that open a task. Without this script all tasks are listed.
  const tasks = [...document.querySelectorAll("details.change")];
  const filters = document.getElementById("change-filters");
  if (filters) {
    const search = filters.querySelector("input");
    const chosen = { change: "", benchmark: "" };
    const normalized = (text) => text.replace(/\s+/g, " ").trim().toLowerCase();
    const texts = new Map(tasks.map((task) => {
      const parts = [...task.querySelectorAll("[data-searched]")].map((part) => part.textContent);
      return [task, normalized(parts.join(" "))];
    }));
    const isChosen = (task) => Object.entries(chosen).every(([name, value]) => !value || task.dataset[name] === value);
    const filter = () => {
      const wanted = normalized(search.value);
      tasks.forEach((task) => { task.hidden = !isChosen(task) || !texts.get(task).includes(wanted); });
      filters.querySelectorAll("button").forEach((button) => {
        button.setAttribute("aria-pressed", chosen[button.dataset.filter] === button.dataset.value);
      });
      const shown = tasks.filter((task) => !task.hidden).length;
      const noun = tasks.length === 1 ? "task" : "tasks";
      filters.querySelector(".filter-shown").textContent = `${shown} of ${tasks.length} ${noun}`;
    };
    const reveal = (hash) => {
      const task = tasks.find((one) => `#${one.id}` === hash);
      if (!task) return;
      if (task.hidden) {
        Object.assign(chosen, { change: "", benchmark: "" });
        search.value = "";
        filter();
      }
      task.open = true;
      task.querySelector("summary").focus({ preventScroll: true });
      task.scrollIntoView();
    };
    filters.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      chosen[button.dataset.filter] = button.dataset.value;
      filter();
    });
    search.addEventListener("input", filter);
    // A link to the task that the address already names changes no hash, so clicks count too.
    document.querySelectorAll('.changes a[href^="#task-"]').forEach((link) => {
      link.addEventListener("click", () => reveal(link.hash));
    });
    addEventListener("hashchange", () => reveal(location.hash));
    filters.hidden = false;
    // A reload may keep what was typed.
    filter();
    reveal(location.hash);
  }

  // The section in view is marked in the navigation.
  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => {
    entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
      links.forEach((a) => a.removeAttribute("aria-current"));
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    });
  }, { rootMargin: "-20% 0px -70% 0px" });
  document.querySelectorAll("main section").forEach((section) => seen.observe(section));
})();
