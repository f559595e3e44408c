// Names and tab stops that Material leaves out: the search dialog, the buttons on code, tables that scroll sideways.
function name_parts() {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  document.querySelectorAll("nav.md-code__nav").forEach((part, i) => part.setAttribute("aria-label", `Code block ${i + 1}`));
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
