"use strict";
(() => {
  const root = document.documentElement;
  const read = (name) => JSON.parse(document.getElementById("data-" + name).textContent);
  const make = (tag, fields = {}, ...inside) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(fields)) {
      if (name in element && name !== "list") element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...inside);
    return element;
  };

  // The theme: the system's, until the button says another.
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const kept = () => { try { return localStorage.getItem("automix-theme"); } catch { return null; } };
  const keep = (theme) => { try { localStorage.setItem("automix-theme", theme); } catch { /* not for this page */ } };
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const themed = (printing) => {
    const style = getComputedStyle(root);
    const of = (name) => style.getPropertyValue(name).trim();
    const ink = printing ? "#1b2130" : of("--ink");
    const grid = printing ? "#e3e6ee" : of("--grid");
    const axis = { gridcolor: grid, linecolor: grid, tickcolor: grid };
    return { font: { color: ink }, axis, hover: { bgcolor: of("--card"), font: { color: of("--ink") } } };
  };

  const wrapped = (words, most) => words.split(" ").reduce((lines, word) => {
    const last = lines.at(-1);
    if (last && last.length + word.length < most) lines[lines.length - 1] = last + " " + word;
    else lines.push(word);
    return lines;
  }, []).join("<br>");

  // The figures: each is drawn when it comes near the window, and again when the theme changes.
  const figures = read("figures");
  const drawn = new Set();
  const plots = [...document.querySelectorAll(".plot")];
  const draw = (element, printing = false) => {
    const figure = figures[element.dataset.figure];
    const { font, axis, hover } = themed(printing);
    const small = element.clientWidth < 520;
    const layout = structuredClone(figure.layout);
    layout.font = { ...layout.font, ...font, size: small ? 11 : 13 };
    layout.hoverlabel = hover;
    for (const note of layout.annotations ?? []) note.bgcolor = hover.bgcolor;
    for (const name of ["xaxis", "yaxis"]) layout[name] = { ...layout[name], ...axis };
    if (small) {
      layout.margin = { ...layout.margin, l: 44, r: 10 };
      layout.xaxis.title.text = wrapped(layout.xaxis.title.text, 26);
      const names = new Set(figure.data.flatMap((trace) => trace.y ?? []).filter((name) => typeof name === "string" && name));
      if (names.size) layout.yaxis = { ...layout.yaxis, tickmode: "array", tickvals: [...names], ticktext: [...names].map((name) => wrapped(name, 17)) };
    }
    layout.height = element.clientHeight;
    Plotly.react(element, structuredClone(figure.data), layout, { displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false });
    drawn.add(element);
  };
  const near = new IntersectionObserver((seen) => {
    for (const one of seen) if (one.isIntersecting && !drawn.has(one.target)) draw(one.target);
  }, { rootMargin: "400px" });
  document.addEventListener("DOMContentLoaded", () => plots.forEach((plot) => near.observe(plot)));
  const redraw = () => [...drawn].forEach((plot) => draw(plot));
  window.addEventListener("beforeprint", () => plots.forEach((plot) => draw(plot, true)));
  window.addEventListener("afterprint", redraw);

  const show = () => { button.textContent = isDark() ? "Light" : "Dark"; button.setAttribute("aria-label", "Show this page in " + (isDark() ? "light" : "dark") + " colours"); };
  const chosen = kept();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  button.hidden = false;
  show();
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; keep(root.dataset.theme); show(); redraw(); });
  dark.addEventListener("change", () => { show(); redraw(); });

  // The questions: a page of rows at a time. Texts go into the page as text and never as HTML.
  const data = read("rows");
  const SIZE = 25;
  const figures3 = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
  const number = (value) => (value === null ? "–" : figures3.format(value));
  const money = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  const [ID, QUESTION, ROUTE, MODEL, SCORE, COST, MISSED, BEST, MODELS, GOLD] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const columns = [
    { name: "question", value: (row) => row[QUESTION] ?? row[ID], kind: "", width: "32%" },
    { name: "answer", value: (row) => row[MODELS][row[MODEL]][0] ?? "", kind: "desk", width: "22%" },
    { name: "route", value: (row) => data.routes[row[ROUTE]], kind: "", width: "20%" },
    { name: "score", value: (row) => row[SCORE], kind: "num", width: "7%" },
    { name: "cost of 1,000", value: (row) => row[COST], kind: "num desk", width: "10%" },
    { name: "missed", value: (row) => row[MISSED], kind: "num desk", width: "9%" },
  ];
  const state = { sort: null, up: true, at: 0, words: "", model: "", score: "" };
  let found = data.rows;
  let haystack = null;
  const place = document.getElementById("browse");
  const said = make("p", { className: "quiet", role: "status" });
  const body = make("tbody");
  const heads = columns.map((column) => {
    const head = make("th", { scope: "col", className: column.kind, style: "width:" + column.width });
    const sorter = make("button", { type: "button" }, column.name);
    sorter.addEventListener("click", () => {
      state.up = state.sort === column ? !state.up : !column.kind.includes("num");
      state.sort = column; state.at = 0; select();
    });
    head.append(sorter);
    return head;
  });

  const searched = () => haystack ??= new Map(data.rows.map((row) =>
    [row, [row[ID], row[QUESTION], ...row[MODELS].map((m) => m[0]), ...row[GOLD]].join("\n").toLowerCase()]));
  const select = () => {
    const words = state.words.trim().toLowerCase();
    found = data.rows.filter((row) =>
      (!words || searched().get(row).includes(words)) &&
      (state.model === "" || String(row[MODEL]) === state.model) &&
      (state.score === "" || (state.score === "missed" ? row[MISSED] > 0 : (row[SCORE] >= 0.5) === (state.score === "right"))));
    if (state.sort) {
      const { value } = state.sort;
      const way = state.up ? 1 : -1;
      const collator = new Intl.Collator("en", { numeric: true });
      found.sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        return way * (typeof x === "number" ? x - y : collator.compare(x, y));
      });
    }
    heads.forEach((head, at) => {
      if (columns[at] === state.sort) head.setAttribute("aria-sort", state.up ? "ascending" : "descending");
      else head.removeAttribute("aria-sort");
    });
    fill();
  };
  const fill = () => {
    const rows = found.slice(state.at, state.at + SIZE);
    body.replaceChildren(...rows.flatMap(line));
    said.textContent = found.length ? `${(state.at + 1).toLocaleString("en")} to ${(state.at + rows.length).toLocaleString("en")} of ${found.length.toLocaleString("en")} questions` : "No question is like that.";
    back.disabled = state.at === 0;
    on.disabled = state.at + SIZE >= found.length;
  };
  const line = (row) => {
    const more = make("tr", { hidden: true });
    const opener = make("button", { type: "button", ariaExpanded: "false" }, "Details");
    const asked = row[QUESTION] ?? row[ID];
    opener.setAttribute("aria-label", "Details of " + asked.slice(0, 80));
    opener.addEventListener("click", () => {
      if (!more.firstChild) more.append(make("td", { colSpan: columns.length, className: "more" }, ...told(row)));
      more.hidden = !more.hidden;
      opener.ariaExpanded = String(!more.hidden);
    });
    const cells = columns.map((column, at) => {
      const value = column.value(row);
      if (at === 0) return make("th", { scope: "row", dir: "auto" }, make("div", { className: "clip" }, value), opener);
      return make("td", { className: column.kind, dir: "auto" }, typeof value === "number" ? (at === 4 ? money.format(value) : number(value)) : make("div", { className: "clip" }, value));
    });
    return [make("tr", {}, ...cells), more];
  };
  const told = (row) => {
    const parts = [make("p", { dir: "auto" }, make("b", {}, "Question: "), row[QUESTION] ?? "not recorded", ` (${row[ID]})`)];
    if (row[GOLD].length) parts.push(make("p", { dir: "auto" }, make("b", {}, "Right would be: "), row[GOLD].join(", or ")));
    parts.push(make("p", {}, make("b", {}, "Route: "), `${data.routes[row[ROUTE]]}; 1,000 like it cost ${money.format(row[COST])} ${data.unit}.`));
    if (row[MISSED] > 0) parts.push(make("p", {}, make("b", {}, "Seen afterwards: "), `${data.models[row[BEST]]} alone would have been worth ${number(row[MISSED])} more.`));
    const answers = row[MODELS].map(([answer, score, cost, verdicts, probability, signals, used, drafted], m) => {
      const served = m === row[MODEL];
      const facts = [`score ${number(score)}`, `1,000 cost ${money.format(cost)} ${data.unit}`, drafted ? "" : "not asked"].filter(Boolean);
      if (probability !== null) facts.push(`confidence ${number(probability)}`);
      const dd = [make("dd", { dir: "auto" }, answer ?? "its text was not recorded"), make("dd", { className: "quiet" }, facts.join("; "))];
      if (verdicts) {
        const signs = [...verdicts].map((v, at) => make("span", { className: at < used ? "" : "unread" }, v === "1" ? "✓" : v === "0" ? "✗" : "?"));
        const count = (v) => [...verdicts].filter((one) => one === v).length;
        dd.push(make("dd", { className: "quiet" }, "checks: ", make("span", { className: "signs", ariaHidden: "true" }, ...signs), ` ${count("1")} correct, ${count("0")} incorrect, ${count("?")} unreadable; ${used} read`));
      }
      const known = signals.map((value, s) => (value === null ? null : `${data.signals[s]} ${number(value)}`)).filter(Boolean);
      if (known.length) dd.push(make("dd", { className: "quiet" }, "signals: " + known.join(", ")));
      return make("div", { className: served ? "served" : "" }, make("dt", {}, data.models[m] + (served ? " (served)" : "")), ...dd);
    });
    parts.push(make("dl", { className: "answers" }, ...answers));
    return parts;
  };

  const labelled = (name, control) => {
    control.id = "filter-" + name.replaceAll(" ", "-");
    return make("div", {}, make("label", { htmlFor: control.id }, name), control);
  };
  const choice = (name, field, options) => {
    const select_ = make("select", {}, ...options.map(([value, words]) => make("option", { value }, words)));
    select_.addEventListener("change", () => { state[field] = select_.value; state.at = 0; select(); });
    return labelled(name, select_);
  };
  const search = make("input", { type: "search" });
  let timer = 0;
  search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => { state.words = search.value; state.at = 0; select(); }, 120); });
  const back = make("button", { type: "button" }, "Back");
  const on = make("button", { type: "button" }, "Next");
  back.addEventListener("click", () => { state.at = Math.max(0, state.at - SIZE); fill(); });
  on.addEventListener("click", () => { state.at += SIZE; fill(); });
  const table = make("table", { id: "rows" }, make("caption", {}, "Every question; a heading sorts by its column"), make("thead", {}, make("tr", {}, ...heads)), body);
  place.replaceChildren(
    make("div", { className: "filters" },
      labelled("search in questions and answers", search),
      choice("answered by", "model", [["", "anyone"], ...data.models.map((name, m) => [String(m), name])]),
      choice("show", "score", [["", "all"], ["right", "score 0.5 or more"], ["wrong", "score below 0.5"], ["missed", "could have been better"]])),
    said,
    make("div", { className: "wide", role: "region", ariaLabel: "Every question", tabIndex: 0 }, table),
    make("div", { className: "pager" }, back, on));
  fill();
  performance.mark("automix-shown");
})();
