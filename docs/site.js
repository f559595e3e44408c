// Names and tab stops that Material leaves out: the search dialog, the buttons on code, tables that scroll sideways.
function name_parts() {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  document.querySelectorAll("nav.md-code__nav").forEach((part, i) => part.setAttribute("aria-label", `Code block ${i + 1}`));
  for (const part of document.querySelectorAll(".md-nav--secondary .md-nav[aria-label]")) {
    const label = part.getAttribute("aria-label");
    if (!label.startsWith("Within ")) part.setAttribute("aria-label", `Within ${label}`);
  }
  for (const cell of document.querySelectorAll(".md-typeset th:empty")) cell.replaceWith(document.createElement("td"));
  for (const wrap of document.querySelectorAll(".md-typeset__scrollwrap, .md-typeset pre > code")) {
    if (wrap.scrollWidth > wrap.clientWidth + 1) {
      wrap.tabIndex = 0;
      wrap.setAttribute("role", "group");
      wrap.setAttribute("aria-label", wrap.matches("code") ? "Code that scrolls sideways" : "Table that scrolls sideways");
    }
  }
}
new MutationObserver(name_parts).observe(document.body, { childList: true, subtree: true });
addEventListener("resize", name_parts);
name_parts();
