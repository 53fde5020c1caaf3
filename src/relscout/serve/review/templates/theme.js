"use strict";
// Sets the theme before the page is drawn.
(() => {
  let kept = null;
  try { kept = localStorage.getItem("relscout-theme"); } catch { /* a page may have no storage */ }
  const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
