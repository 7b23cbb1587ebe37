// The SQL editor: CodeMirror with Trino's words and the lake's tables and columns. It mounts itself wherever a page
// has an element of the class sql-editor, and hands each change to Dash as the data of the store `sql-text`.
import { sql, SQLDialect, StandardSQL } from "@codemirror/lang-sql";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";

const trino = SQLDialect.define({
  ...StandardSQL.spec,
  builtin: "approx_distinct array_agg at_timezone cardinality coalesce count_if current_date date_add date_diff " +
    "date_format date_trunc element_at greatest least lower map_agg max max_by min min_by nullif regexp_like round " +
    "split_part sum transform try_cast unnest upper",
});
// Colours are CSS variables, so that they follow the page's scheme.
const look = syntaxHighlighting(HighlightStyle.define([
  { tag: tags.keyword, color: "var(--link)", fontWeight: "600" },
  { tag: [tags.string, tags.number], color: "var(--warn)" },
  { tag: tags.comment, color: "var(--quiet)", fontStyle: "italic" },
]));

function mount(element) {
  const tell = (text) => window.dash_clientside.set_props("sql-text", { data: text });
  const run = () => { document.getElementById("sql-run")?.click(); return true; };
  const view = new EditorView({
    parent: element,
    state: EditorState.create({
      doc: element.dataset.text || "",
      extensions: [
        Prec.highest(keymap.of([{ key: "Mod-Enter", run }])),
        basicSetup,
        look,
        sql({ dialect: trino, schema: JSON.parse(element.dataset.schema || "{}"), upperCaseKeywords: false }),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": "SQL; Ctrl and Enter run it", role: "textbox" }),
        EditorView.updateListener.of((update) => { if (update.docChanged) tell(update.state.doc.toString()); }),
      ],
    }),
  });
  element.lakeEditor = view;
  tell(view.state.doc.toString());
}

// A query that was chosen from the history or a list takes the place of the text.
window.lakeEditorSet = function (text) {
  const view = document.querySelector(".sql-editor")?.lakeEditor;
  view?.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
  view?.focus();
};

new MutationObserver(() => {
  for (const element of document.querySelectorAll(".sql-editor:not([data-ready])")) {
    element.dataset.ready = "yes";
    mount(element);
  }
}).observe(document, { childList: true, subtree: true });
