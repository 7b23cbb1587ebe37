// What needs no server: the address as filters change, the age of the data, focus after a page has changed, printing.
window.dash_clientside = window.dash_clientside || {};

// A session that has ended leads to the login; a server that does not answer is said.
const ask = window.fetch;
window.fetch = (...given) => ask(...given).then((answer) => {
  document.getElementById("offline")?.remove();
  if (answer.status === 401) window.location.reload();
  return answer;
}, (error) => {
  if (!document.getElementById("offline")) {
    const said = document.createElement("div");
    said.id = "offline";
    said.setAttribute("role", "alert");
    said.textContent = "The dashboard does not answer: what you see may be old.";
    document.body.prepend(said);
  }
  throw error;
});

// Grids have a scheme of their own: it follows the page's.
const root = document.documentElement;
const follow = () => root.setAttribute("data-ag-theme-mode", root.getAttribute("data-mantine-color-scheme") || "light");
new MutationObserver(follow).observe(root, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });
follow();

window.dash_clientside.lake = {
  // Filters -> the query part of the address; what is no control there stays as it is.
  address: function (values, ids, search) {
    const same = window.dash_clientside.no_update;
    if (!ids.length) return same;
    const said = new URLSearchParams(search || "");
    ids.forEach((id, i) => {
      const value = values[i];
      if (value === null || value === undefined || value === "") said.delete(id.name);
      else said.set(id.name, value);
    });
    const text = said.toString() ? "?" + said.toString() : "";
    return text === (search || "") ? same : text;
  },

  age: function (_, data) {
    if (!data || !data.at) return "";
    const minutes = Math.max(0, Math.round((Date.now() - Date.parse(data.at)) / 60000));
    const age = minutes < 120 ? minutes + " minutes" : minutes < 2880 ? Math.round(minutes / 60) + " hours"
      : Math.round(minutes / 1440) + " days";
    const newest = data.tables.find((t) => t[2] === data.at);
    const list = data.tables.map((t) => el("li", t[0] + ": snapshot " + t[1] + ", " + t[2].slice(0, 16).replace("T", " ") + " UTC"));
    const late = minutes > 36 * 60;
    return el("Details", [
      el("Summary", ["As of snapshot " + newest[1].slice(-6) + ", " + age + " old", late ? el("Span", " · stale", "stale") : null]),
      el("Div", [el("P", late ? "Nothing new for more than 36 hours: is the ingestion running? `lake runs` shows."
        : "Each table with the snapshot that this page shows:"), { ...el("Ul", list) }], "as-of-list"),
    ]);
  },

  // A new page: its title goes to the tab and to who listens; the keyboard continues there.
  arrive: function (content, path) {
    const heading = () => document.getElementById("page-title");
    if (!content || !heading()) return "";
    const title = heading().textContent;
    document.title = title + " · Carelake";
    // What a command said stays until another address is shown.
    const address = window.location.pathname + window.location.search;
    if (window.lakeAddress !== undefined && window.lakeAddress !== address)
      window.dash_clientside.set_props("said", { children: "" });
    if (window.lakeAddress !== address) setTimeout(toCard, 50);
    window.lakeAddress = address;
    if (window.lakePath !== undefined && window.lakePath !== path) {
      window.scrollTo(0, 0);
      heading().focus({ preventScroll: true });
    }
    window.lakePath = path;
    return title;
  },

  pages: function (opened, path, navbar) {
    const moved = window.dash_clientside.callback_context.triggered.some((t) => t.prop_id === "url.pathname");
    if (moved && opened) window.dash_clientside.set_props("burger", { opened: false });
    return { ...navbar, collapsed: { mobile: moved ? true : !opened } };
  },

  // The query that was chosen goes into the editor.
  fill: function (text) {
    if (text) window.lakeEditorSet(text);
    return window.dash_clientside.no_update;
  },

  print: function () {
    window.print();
    return window.dash_clientside.no_update;
  },
};

// An address may name a card of the page: #card-held.
function toCard() {
  const card = window.location.hash.startsWith("#card-") && document.getElementById(window.location.hash.slice(1));
  if (card) card.scrollIntoView();
}
window.addEventListener("_dashprivate_pushstate", () => setTimeout(toCard, 50));

function el(type, children, className) {
  const name = type.charAt(0).toUpperCase() + type.slice(1);
  return { namespace: "dash_html_components", type: name, props: className ? { children, className } : { children } };
}
