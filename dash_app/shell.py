"""What stands around every page: the bar at the top, the list of pages, how old the data is."""

from collections.abc import Sequence
from itertools import groupby

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app.page import Page
from dash_app.theme import MANTINE

LOOK_EVERY_MS = 30_000


def layout(pages: Sequence[Page], user: str | None) -> Component:
    """The frame; `user` is who is logged in, or null where nobody has to."""
    return dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh="callback-nav"),
            dcc.Interval(id="tick", interval=LOOK_EVERY_MS),
            dcc.Store(id="as-of-data"),
            dcc.Store(id="changed"),  # a command that changed something puts its instant here: the page is drawn anew
            html.Div(id="announce", className="unseen", role="status", **{"aria-live": "polite"}),
            html.A("Skip to the content", href="#page", className="skip"),
            dmc.AppShell(
                [
                    dmc.AppShellHeader(_header(user)),
                    dmc.AppShellNavbar(html.Nav(_links(pages), **{"aria-label": "Pages"}), p="xs", id="nav"),
                    dmc.AppShellMain(_main()),
                ],
                header={"height": 56},
                navbar={"width": 208, "breakpoint": "sm", "collapsed": {"mobile": True}},
                padding="md",
                id="shell",
                transitionDuration=0,
            ),
        ],
        theme=MANTINE,
        defaultColorScheme="auto",
    )


def _header(user: str | None) -> Component:
    return html.Div(
        [
            dmc.Burger(id="burger", opened=False, hiddenFrom="sm", size="sm", **{"aria-label": "Show the pages"}),
            dcc.Link([html.Span(className="mark", **{"aria-hidden": "true"}), "Carelake"], href="/", className="brand"),
            html.Div(id="as-of", className="as-of"),
            html.Div(
                [
                    html.Button(
                        "Print", id="print", className="small", type="button", title="Print this page or save it as PDF"
                    ),
                    dmc.ColorSchemeToggle(
                        lightIcon=html.Span("☀", **{"aria-hidden": "true"}),
                        darkIcon=html.Span("☾", **{"aria-hidden": "true"}),
                        id="scheme",
                        variant="default",
                        size="md",
                        **{"aria-label": "Switch between light and dark"},
                    ),
                    _leave(user) if user else None,
                ],
                className="tools",
            ),
        ],
        className="bar",
    )


def _leave(user: str) -> Component:
    return html.Div([html.Span(user, className="user"), html.A("Log out", href="/logout", className="small")])


def _links(pages: Sequence[Page]) -> list[Component]:
    found: list[Component] = []
    for group, together in groupby(pages, key=lambda p: p.group):
        found.append(html.Div(group, className="nav-group"))
        found += [
            dmc.NavLink(
                label=p.title,
                href=p.path,
                active="exact" if p.path == "/" else "partial",
                leftSection=html.Span(className=f"icon icon-{p.icon}", **{"aria-hidden": "true"}),
            )
            for p in together
        ]
    return found


def _main() -> Component:
    skeleton = html.Div(
        [dmc.Skeleton(height=28, width="40%"), dmc.Skeleton(height=110, mt="md"), dmc.Skeleton(height=320, mt="md")],
        className="skeleton",
    )
    waiting = dcc.Loading(
        html.Div(skeleton, id="content"),
        custom_spinner=skeleton,
        delay_show=400,
        target_components={"content": "children"},
        overlay_style={"visibility": "visible", "opacity": 0.4},
    )
    said = html.Div(id="said", className="said", role="status", **{"aria-live": "polite"})
    return html.Div([said, waiting], id="page", tabIndex="-1")
