"""The Dash app: one callback draws any page from its address, one shows a card's rows, a route gives them as CSV."""

import logging
from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any
from urllib.parse import parse_qsl

import orjson
from dash import MATCH, ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.dependencies import ALL
from dash.exceptions import PreventUpdate
from flask import Response, abort, request
from plotly.io.json import to_json_plotly
from werkzeug.exceptions import HTTPException

from dash_app import pages as pages_package
from dash_app import probes, render, security, shell
from dash_app.data import Ask, Kept, Reader
from dash_app.page import Page, View
from lakehouse import commands
from lakehouse.accounts import Accounts
from lakehouse.errors import InputError, LakeError
from lakehouse.seal import open_seal
from lakehouse.settings import Settings
from lakehouse.sql.engine import DASHBOARD_SQL, open_engine
from lakehouse.sql.moment import open_moments

log = logging.getLogger(__name__)
_INDEX = """<!DOCTYPE html>
<html lang="en"><head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body></html>"""


def find_pages() -> dict[str, Page]:
    """Every page by its address, in the order of the list: each module of dash_app.pages has one, called PAGE."""
    found = [import_module(f"{pages_package.__name__}.{m.name}").PAGE for m in iter_modules(pages_package.__path__)]
    ordered: list[Page] = sorted(found, key=lambda p: (p.order, p.title))
    return {page.path: page for page in ordered}


def create_app(
    settings: Settings,
    accounts: Accounts | None = None,
    *,
    hosts: tuple[str, ...] = security.LOOPBACK,
    https: bool = False,
    every_seconds: float = 2.0,
    without_accounts: bool = False,
) -> Dash:
    """The app over the lake of `settings`. With `accounts`, everybody has to log in.

    `hosts` are the names under which it may be asked; `https` says that browsers reach it so; every so many seconds it
    looks whether the lake has changed; `without_accounts` lets everybody in as long as there is no account.
    """
    app = Dash(
        __name__,
        title="Carelake",
        update_title=None,
        suppress_callback_exceptions=True,
        enable_mcp=False,
        index_string=_INDEX,
        assets_ignore=r"login\.css",  # of a page of its own
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    seal = open_seal(settings)
    commands.make_ready(settings)
    engine = open_engine(settings, DASHBOARD_SQL)
    reader = Reader(open_moments(settings, every_seconds), seal, engine, security.person)
    pages = find_pages()
    app.layout = lambda: shell.layout(list(pages.values()), security.user())
    drawn = Drawn(pages, reader)
    _register(app, drawn)
    for page in pages.values():
        if page.register is not None:
            page.register(app, reader)
    probes.register(app, reader)
    security.protect(app, seal, accounts, hosts=hosts, https=https, without_accounts=without_accounts)
    return app


class Drawn:
    """Pages as they are sent: each is drawn once for an address and a state of the lake, however many wait for it."""

    def __init__(self, pages: Mapping[str, Page], reader: Reader) -> None:
        self.pages = pages
        self._reader = reader
        self._views = Kept(128)
        self._version = ""
        self._sent = Kept(256)

    def find(self, path: str | None) -> Page | None:
        """The page of an address."""
        path = (path or "/").rstrip("/") or "/"
        return self.pages.get(path)

    def view(self, page: Page, given: Mapping[str, str]) -> tuple[View, Ask]:
        """What a page shows; raises LakeError if it can't be."""
        ask = self._reader.ask()
        said = _said(page, given)
        if self._version != ask.moment.version:  # what was built as of an earlier moment holds that one open
            self._version, self._views = ask.moment.version, Kept(128)

        def build() -> tuple[View, Ask]:
            return page.build(ask, page.values(ask, said)), ask

        if page.is_live:
            return build()
        found: tuple[View, Ask] = self._views.get((*ask.state, page.path, tuple(sorted(said.items()))), build)
        return found

    def send(self, page: Page, given: Mapping[str, str]) -> tuple[orjson.Fragment, dict[str, Any]]:
        """A page's content as JSON, and which state of the lake it shows."""
        view, ask = self.view(page, given)
        said = _said(page, given)

        def draw() -> bytes:
            filters = [(f, said.get(f.name, getattr(f, "default", ""))) for f in page.filters]
            options = [(f, text, f.choices(ask) if hasattr(f, "choices") else ()) for f, text in filters]
            controls = [c for c in (render.control(*o) for o in options) if c is not None]
            return str(to_json_plotly(render.content(page, view, said, controls))).encode()

        key = (*ask.state, page.path, tuple(sorted(said.items())))
        return orjson.Fragment(draw() if page.is_live else self._sent.get(key, draw)), _as_of(ask)


def _said(page: Page, given: Mapping[str, str]) -> dict[str, str]:
    """What the address says of this page's filters: anything else is not for it."""
    names = {f.name for f in page.filters}
    return {name: text for name, text in given.items() if name in names and text}


def _as_of(ask: Ask) -> dict[str, Any]:
    """The tables that the page shows with their snapshots; all of them where it tells of the lake's own records."""
    states = [s for s in ask.tables() or ask.moment.tables.values() if s.committed_at is not None]
    newest = max((s.committed_at for s in states if s.committed_at), default=None)
    return {
        "at": newest.isoformat() if newest else None,
        "tables": [
            [s.name, str(s.snapshot_id), s.committed_at.isoformat() if s.committed_at else None] for s in states
        ],
    }


def _register(app: Dash, drawn: Drawn) -> None:
    @app.callback(
        Output("content", "children"),
        Output("as-of-data", "data"),
        Input("url", "pathname"),
        Input("url", "search"),
        Input("changed", "data"),
    )
    def show(path: str | None, search: str | None, changed: Any) -> Any:
        page = drawn.find(path)
        if page is None:
            return render.failure("There is no such page", "The address leads nowhere; perhaps it was cut off."), None
        try:
            return drawn.send(page, _parsed(search))
        except LakeError as error:
            return render.failure(page.title, _sentence(error), page), None
        except Exception as error:
            return render.failure(page.title, _unforeseen(error), page), None

    @app.callback(
        Output({"kind": "table-of", "card": MATCH}, "children"),
        Output({"kind": "as-table", "card": MATCH}, "children"),
        Input({"kind": "as-table", "card": MATCH}, "n_clicks"),
        State("url", "pathname"),
        State("url", "search"),
        prevent_initial_call=True,
    )
    def as_table(clicks: int, path: str, search: str) -> Any:
        page = drawn.find(path)
        if page is None or not ctx.triggered_id:
            return no_update, no_update
        if not clicks % 2:
            return None, "Table"
        try:
            view, _ = drawn.view(page, _parsed(search))
            return render.table(view.card(ctx.triggered_id["card"])), "Hide the table"
        except LakeError as error:
            return _sentence(error), "Table"

    @app.server.route("/csv/", defaults={"rest": ""})
    @app.server.route("/csv/<path:rest>")
    def csv(rest: str) -> Response:
        path, _, card = rest.rpartition("/")
        page = drawn.find(f"/{path}")
        if page is None:
            abort(404)
        try:
            view, _ = drawn.view(page, dict(request.args))
            text = render.as_csv(view.card(card).frame)
        except InputError as error:
            return Response(_sentence(error), 404, mimetype="text/plain")
        headers = {"Content-Disposition": f'attachment; filename="{card}.csv"'}
        return Response(text, 200, headers, mimetype="text/csv; charset=utf-8")

    @app.server.errorhandler(Exception)
    def wrong(error: Exception) -> Any:
        """Callbacks of pages and routes: nobody gets a trace, and Flask writes none into the log."""
        if isinstance(error, HTTPException):
            return error
        if isinstance(error, PreventUpdate):
            return "", 204
        return Response(_unforeseen(error), 500, mimetype="text/plain")

    for function, output, *inputs in (
        ("address", Output("url", "search"), Input({"kind": "filter", "name": ALL}, "value"),
         State({"kind": "filter", "name": ALL}, "id"), State("url", "search")),
        ("age", Output("as-of", "children"), Input("tick", "n_intervals"), Input("as-of-data", "data")),
        ("arrive", Output("announce", "children"), Input("content", "children"), State("url", "pathname")),
        ("pages", Output("shell", "navbar"), Input("burger", "opened"), Input("url", "pathname"),
         State("shell", "navbar")),
        ("print", Output("print", "title"), Input("print", "n_clicks")),
    ):  # fmt: skip
        app.clientside_callback(
            ClientsideFunction("lake", function), output, *inputs, prevent_initial_call=function in ("address", "print")
        )


def _parsed(search: str | None) -> dict[str, str]:
    return dict(parse_qsl((search or "").lstrip("?")[:4096]))


def _sentence(error: LakeError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]


def _unforeseen(error: Exception) -> str:
    """A sentence for who asked. The message may quote data, so only where it happened is written down."""
    log.error("%s at %s", type(error).__name__, _place(error))
    return f"{type(error).__name__}: this was not foreseen. The log of the dashboard says where it happened."


def _place(error: BaseException) -> str:
    from traceback import extract_tb

    last = extract_tb(error.__traceback__)[-1]
    return f"{last.filename}:{last.lineno}"
