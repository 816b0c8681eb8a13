"use strict";
(function () {
  // What leads to something folded opens it.
  function reveal() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let it = target; it; it = it.parentElement) {
      if (it.localName === "details") { it.open = true; }
    }
    if (target) { target.scrollIntoView(); }
  }
  window.addEventListener("hashchange", reveal);
  reveal();

  // On paper nothing can be opened.
  let closed = [];
  window.addEventListener("beforeprint", function () {
    closed = Array.from(document.querySelectorAll("details:not([open])"));
    closed.forEach(function (it) { it.open = true; });
  });
  window.addEventListener("afterprint", function () {
    closed.forEach(function (it) { it.open = false; });
  });

  function value(body, column) {
    const cell = body.rows[0].cells[column];
    return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
  }
  function compare(a, b) {
    if (typeof a === "number") { return b - a; }
    return a > b ? 1 : b > a ? -1 : 0;
  }
  function sorts(table) {
    Array.from(table.tHead.rows[0].cells).forEach(function (head, column) {
      const button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) { button.appendChild(head.firstChild); }
      head.appendChild(button);
      button.addEventListener("click", function () {
        const turn = head.dataset.sorted === "first" ? -1 : 1;
        Array.from(table.tHead.rows[0].cells).forEach(function (it) {
          it.removeAttribute("aria-sort");
          delete it.dataset.sorted;
        });
        const bodies = Array.from(table.tBodies);
        bodies.sort(function (a, b) { return turn * compare(value(a, column), value(b, column)); });
        bodies.forEach(function (it) { table.appendChild(it); });
        const number = table.tBodies.length > 0 ? typeof value(bodies[0], column) === "number" : false;
        head.setAttribute("aria-sort", (turn === 1) === number ? "descending" : "ascending");
        head.dataset.sorted = turn === 1 ? "first" : "second";
      });
    });
  }
  function filters(tools, table) {
    const field = tools.querySelector("input");
    const told = tools.querySelector("output");
    const bodies = Array.from(table.tBodies).map(function (body) {
      return { body: body, text: body.textContent.toLowerCase() };
    });
    field.addEventListener("input", function () {
      const words = field.value.toLowerCase().split(/\s+/);
      let left = 0;
      bodies.forEach(function (it) {
        const fits = words.every(function (word) { return it.text.includes(word); });
        it.body.hidden = !fits;
        left += fits ? 1 : 0;
      });
      told.textContent = left === bodies.length ? "" : left + " of " + bodies.length + " shown";
    });
    tools.hidden = false;
  }
  document.querySelectorAll(".listed").forEach(function (part) {
    const table = part.querySelector("table");
    sorts(table);
    filters(part.querySelector(".tools"), table);
  });
})();
