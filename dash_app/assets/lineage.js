// The curves between the boxes of a graph to walk (dash_app/walk.py), drawn again when the page or its width changes.
// A box names the boxes that it is tied to in data-to and data-from; a name with ~ gets a dashed curve.
(function () {
  const SVG = "http://www.w3.org/2000/svg";
  let waiting = false;

  function soon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      document.querySelectorAll(".walk").forEach(draw);
    });
  }

  function draw(walk) {
    const place = walk.querySelector(".walk-lines");
    if (!place) return;
    place.replaceChildren();
    if (getComputedStyle(walk).flexDirection !== "row") return; // columns are stacked: the words on the boxes say it
    const frame = walk.getBoundingClientRect();
    const boxes = new Map([...walk.querySelectorAll("[data-node]")].map((box) => [box.dataset.node, box]));
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("width", walk.scrollWidth);
    svg.setAttribute("height", walk.scrollHeight);
    boxes.forEach((box, name) => {
      ends(box.dataset.to).forEach(([end, dashed]) => curve(svg, frame, boxes, name, end, dashed));
      ends(box.dataset.from).forEach(([end, dashed]) => curve(svg, frame, boxes, end, name, dashed));
    });
    place.appendChild(svg);
  }

  function ends(text) {
    return (text || "").split(" ").filter(Boolean).map((name) => [name.replace("~", ""), name.endsWith("~")]);
  }

  function curve(svg, frame, boxes, left, right, dashed) {
    if (!boxes.has(left) || !boxes.has(right)) return;
    const a = boxes.get(left).getBoundingClientRect();
    const b = boxes.get(right).getBoundingClientRect();
    const [x1, y1] = [a.right - frame.left, a.top + a.height / 2 - frame.top];
    const [x2, y2] = [b.left - frame.left, b.top + b.height / 2 - frame.top];
    const bend = Math.max(20, (x2 - x1) / 2);
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`);
    path.dataset.left = left;
    path.dataset.right = right;
    if (dashed) path.setAttribute("class", "dashed");
    svg.appendChild(path);
  }

  // The box under the pointer or with the focus shows its curves.
  function light(event) {
    const box = event.target.closest ? event.target.closest("[data-node]") : null;
    document.querySelectorAll(".walk").forEach((walk) => {
      const name = box && walk.contains(box) ? box.dataset.node : null;
      walk.classList.toggle("lighting", name !== null);
      walk.querySelectorAll(".walk-lines path").forEach((path) => {
        path.classList.toggle("lit", name !== null && (path.dataset.left === name || path.dataset.right === name));
      });
    });
  }

  function start() {
    new MutationObserver((changes) => {
      if (changes.some((c) => !(c.target.closest && c.target.closest(".walk-lines")))) soon();
    }).observe(document.body, { childList: true, subtree: true });
    new ResizeObserver(soon).observe(document.body);
    document.addEventListener("pointerover", light);
    document.addEventListener("focusin", light);
    document.addEventListener("toggle", soon, true);
    soon();
  }

  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);

  // The lists above the graph -> the address: a table, a column of it, or a FHIR element.
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.lineage = {
    go: function (values, ids, search) {
      const same = window.dash_clientside.no_update;
      const asked = window.dash_clientside.callback_context.triggered.map((t) => t.prop_id);
      const now = new URLSearchParams(search || "").get("node") || "";
      const value = (name) => values[ids.findIndex((id) => id.name === name)] || "";
      const moved = (name) => asked.some((id) => id.includes('"name":"' + name + '"'));
      let node = now;
      // What the server has just drawn says what the address says, and changes nothing.
      if (moved("table") && !(value("table") && (now === value("table") || now.startsWith(value("table") + ".")))) node = value("table");
      else if (moved("column")) node = value("column") || value("table");
      else if (moved("element") && value("element")) node = value("element");
      if (node === now || asked.length > 1) return same;
      return node ? "?" + new URLSearchParams({ node: node }) : "";
    },
  };
})();
