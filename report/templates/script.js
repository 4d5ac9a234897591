(function () {
  "use strict";
  var d = document, root = d.documentElement;
  function each(list, f) { Array.prototype.forEach.call(list, f); }

  if (navigator.clipboard) {
    // A button copies its own text, the line above it, or the block it names.
    var text = function (b) {
      var own = b.getAttribute("data-copy"), of = b.getAttribute("data-of");
      if (of) return d.getElementById(of).textContent;
      return own || b.parentNode.previousElementSibling.querySelector("ins").textContent;
    };
    each(d.querySelectorAll("button[data-copy],button[data-of]"), function (b) {
      var label = b.textContent;
      b.hidden = false;
      b.addEventListener("click", function () {
        navigator.clipboard.writeText(text(b)).then(function () {
          var said = d.getElementById("said");
          b.textContent = said.textContent = said.getAttribute("data-done");
          setTimeout(function () { b.textContent = label; said.textContent = ""; }, 2000);
        }, function () {});
      });
    });
  }

  var theme = d.getElementById("theme");
  if (theme) {
    var saved = null;
    try { saved = localStorage.getItem("postseal-theme"); } catch (e) { /* no storage here */ }
    if (saved === "dark" || saved === "light") root.setAttribute("data-theme", saved);
    theme.hidden = false;
    theme.addEventListener("click", function () {
      var dark = root.getAttribute("data-theme") ||
        (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
      dark = dark === "dark" ? "light" : "dark";
      root.setAttribute("data-theme", dark);
      try { localStorage.setItem("postseal-theme", dark); } catch (e) { /* no storage here */ }
    });
  }

  var filter = d.getElementById("filter");
  if (filter) {
    filter.parentNode.hidden = false;
    filter.addEventListener("input", function () {
      var q = filter.value.toLowerCase();
      each(d.querySelectorAll("#fleet tbody tr"), function (tr) {
        tr.hidden = tr.textContent.toLowerCase().indexOf(q) < 0;
      });
    });
  }

  // The heads of the table of domains become buttons that sort by their column.
  var fleet = d.getElementById("fleet");
  if (fleet) {
    var body = fleet.tBodies[0], key = function (tr, i) {
      var td = tr.cells[i], k = td.getAttribute("data-k") || td.textContent.trim();
      var n = parseFloat(k.replace("−", "-"));
      return td.className.indexOf("n") === 0 ? (isNaN(n) ? -1e9 : n) : k;
    };
    each(fleet.tHead.rows[0].cells, function (th, i) {
      var b = d.createElement("button");
      b.type = "button";
      b.className = "sort";
      b.title = fleet.getAttribute("data-sort");
      b.textContent = th.textContent;
      th.textContent = "";
      th.appendChild(b);
      b.addEventListener("click", function () {
        var up = th.getAttribute("aria-sort") !== "ascending";
        each(fleet.tHead.rows[0].cells, function (o) { o.removeAttribute("aria-sort"); });
        th.setAttribute("aria-sort", up ? "ascending" : "descending");
        Array.prototype.slice.call(body.rows).sort(function (x, y) {
          var p = key(x, i), q = key(y, i);
          var c = typeof p === "number" ? p - q : p.localeCompare(q, root.lang);
          return up ? c : -c;
        }).forEach(function (tr) { body.appendChild(tr); });
      });
    });
  }

  addEventListener("beforeprint", function () {
    each(d.querySelectorAll("details:not([open])"), function (e) { e.open = true; e.setAttribute("data-print", ""); });
  });
  addEventListener("afterprint", function () {
    each(d.querySelectorAll("details[data-print]"), function (e) { e.open = false; e.removeAttribute("data-print"); });
  });
})();
