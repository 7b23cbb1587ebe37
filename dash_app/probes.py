"""What machines ask the dashboard: /live, /ready, /health for anybody, /metrics for who has the token.

A session does not open /metrics. Without the token it is open where pages are: on loopback while there is no account.
"""

from dash import Dash
from flask import Response, request

from dash_app import security
from dash_app.data import Reader
from lakehouse.watch import answers
from lakehouse.watch.answers import Answer


def register(app: Dash, reader: Reader) -> None:
    """Their routes."""

    @app.server.route("/live")
    def live() -> Response:
        return _sent(answers.live())

    @app.server.route("/ready")
    def ready() -> Response:
        return _sent(answers.ready(reader.watcher.health))

    @app.server.route("/health")
    def health() -> Response:
        return _sent(answers.all_parts(reader.watcher.health))

    @app.server.route("/metrics")
    def metrics() -> Response:
        if not security.is_open() and not answers.is_allowed(reader.settings, request.headers.get("Authorization")):
            said = "A bearer token is needed: `lake metrics --token` makes it.\n"
            return Response(said, 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
        return _sent(answers.metrics(reader.watcher))


def _sent(answer: Answer) -> Response:
    return Response(answer.body, answer.status, content_type=answer.content_type)
