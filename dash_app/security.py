"""Who may ask, and what browsers may do with the answers: hosts, sessions, login, forged requests, headers."""

import re
import time
from datetime import timedelta
from typing import Any

from dash import Dash
from flask import (
    Flask,
    Response,
    abort,
    current_app,
    g,
    has_request_context,
    redirect,
    render_template_string,
    request,
    session,
    url_for,
)
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf.csrf import CSRFProtect, generate_csrf

from lakehouse.accounts import Account, Accounts
from lakehouse.commands import LOCAL
from lakehouse.errors import InputError
from lakehouse.seal import Seal
from lakehouse.sql.engine import Person

LOOPBACK = ("127.0.0.1", "localhost")
PROBES = {"live", "ready", "health", "metrics"}  # asked by machines; the last one asks for a token itself
_OPEN = {"login", "static", *PROBES}  # what is served before anyone has logged in; nothing of it is about people
_SESSION = timedelta(hours=8)
_MOST_BYTES = 1 << 20
_INSIDE = re.compile(
    r"/(?![/\\])[!-\[\]-~]*"
)  # no blank, control character or backslash, which browsers read leniently


class _User(UserMixin):  # type: ignore[misc]  # flask-login has no types
    """An account as flask-login holds it; the id in the session carries the stamp, so a new password ends it."""

    def __init__(self, account: Account) -> None:
        self.name = account.name
        self.stamp = account.stamp
        self.id = f"{account.name}:{account.stamp}"


def user() -> str | None:
    """Who is logged in, or null where nobody has to."""
    if not has_request_context() or not hasattr(current_app, "login_manager"):
        return None
    return current_user.name if current_user.is_authenticated else None


def person() -> Person | None:
    """In whose name the lake is asked: whoever is logged in; null where nobody has to, or nobody asks."""
    name = user()
    return None if name is None else Person(name, current_user.stamp)


def actor() -> str:
    """Who a command is done for: the account, or `local` where nobody has to log in; InputError without a login."""
    if is_open():
        return LOCAL
    name = user()
    if name is None:  # each request is refused before it comes here; a command looks for itself
        raise InputError("log in first.")
    return name


def is_open() -> bool:
    """Whether this request is answered for anybody: on loopback, as long as there is no account."""
    return not hasattr(current_app, "login_manager") or bool(g.get("is_open"))


def protect(
    app: Dash, seal: Seal, accounts: Accounts | None, *, hosts: tuple[str, ...], https: bool, without_accounts: bool
) -> None:
    """Close every door of the app; with `accounts`, whoever is not logged in gets nothing but the login.

    `without_accounts` lets everybody in as long as there is none.
    """
    server: Flask = app.server
    server.config.update(
        SECRET_KEY=seal.derived("sessions"),
        SESSION_COOKIE_NAME="lake_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_SECURE=https,
        PERMANENT_SESSION_LIFETIME=_SESSION,
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=_MOST_BYTES,
        # A page on another site whose name was pointed at this machine sends its own name: it gets nothing.
        TRUSTED_HOSTS=list(hosts),
        WTF_CSRF_TIME_LIMIT=None,
    )
    CSRFProtect(server)
    if accounts is not None:
        _ask_for_login(server, accounts, https=https, without_accounts=without_accounts)

    headers: dict[str, str] = {}

    @server.after_request
    def finish(response: Response) -> Response:
        # Dash's renderer sends this cookie back in a header, which a page of another site can't.
        if not _is_asset() and request.endpoint not in PROBES and response.status_code < 400:
            response.set_cookie("_csrf_token", generate_csrf(), samesite="Strict", secure=https)
        if not headers:  # the hashes are known once the app is complete
            headers.update(_headers(app, https=https))
        response.headers.update(headers)
        if not _is_asset():
            response.headers["Cache-Control"] = "no-store"
        return response


def _is_asset() -> bool:
    """Whether what is asked is the same for everybody and may be kept."""
    return request.path.startswith(("/assets/", "/_dash-component-suites/"))


def _headers(app: Dash, *, https: bool) -> dict[str, str]:
    scripts = " ".join(["'self'", *(f"'{h}'" if not h.startswith("'") else h for h in app.csp_hashes())])
    policy = {
        "default-src": "'none'",
        "script-src": scripts,
        "style-src": "'self' 'unsafe-inline'",  # Mantine and Plotly write styles into elements
        "img-src": "'self' data:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    headers = {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    return headers | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})


def _ask_for_login(server: Flask, accounts: Accounts, *, https: bool, without_accounts: bool) -> None:
    manager = LoginManager(server)
    manager.session_protection = "strong"

    @manager.user_loader
    def load(session_id: str) -> _User | None:
        name, _, stamp = session_id.rpartition(":")
        if time.time() - session.get("since", 0) > _SESSION.total_seconds():
            return None
        account = accounts.find(name)
        return _User(account) if account and account.stamp == stamp else None

    @server.before_request
    def only_who_is_logged_in() -> Any:
        if request.routing_exception is not None:
            return None  # Flask answers: another host, no such method
        if without_accounts and not accounts.all():
            g.is_open = True
            return None
        if request.endpoint in _OPEN or current_user.is_authenticated or request.path == "/assets/login.css":
            return None
        if request.method == "GET" and not request.path.startswith(("/_", "/csv", "/assets")):
            return redirect(url_for("login", next=request.full_path.rstrip("?")))
        abort(401)

    @server.route("/login", methods=["GET", "POST"])
    def login() -> Any:
        wrong = False
        if request.method == "POST":
            account = accounts.log_in(request.form.get("name", "")[:64], request.form.get("password", "")[:1024])
            if account is not None:
                session.clear()  # a session from before the login is not carried over
                session.permanent = True
                session["since"] = int(time.time())
                login_user(_User(account))
                return redirect(_inside(request.args.get("next", "/")))
            wrong = True
        page = render_template_string(_LOGIN, wrong=wrong, token=generate_csrf(), target=request.full_path)
        return page, 401 if wrong else 200

    @server.route("/logout")
    def logout() -> Any:
        if name := user():
            accounts.end_sessions(name)  # a copy of the cookie is worth nothing from here on
        logout_user()
        session.clear()
        response: Any = redirect(url_for("login"))
        if https:  # browsers heed it on secure pages alone
            response.headers["Clear-Site-Data"] = '"storage"'
        return response


def _inside(target: str) -> str:
    """Where to go after the login: an address of this site, whatever the link said."""
    return target if _INSIDE.fullmatch(target) else "/"


_LOGIN = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log in · Carelake</title><link rel="stylesheet" href="/assets/login.css"></head>
<body><main><h1>Carelake</h1>
{% if wrong %}<p role="alert" class="wrong">Name and password do not fit. After five wrong tries an account pauses for a
minute.</p>{% endif %}
<form method="post" action="{{ target }}"><input type="hidden" name="csrf_token" value="{{ token }}">
<label for="name">Name</label><input id="name" name="name" autocomplete="username" required autofocus>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">Log in</button></form>
<p class="note">No account? Whoever runs Carelake adds one with <code>lake account add</code>.</p></main></body></html>
"""
