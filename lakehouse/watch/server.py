"""`lake metrics --listen`: the probes and the metrics of one lake without the dashboard."""

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lakehouse.errors import EnvironmentFailed, InputError
from lakehouse.settings import Settings
from lakehouse.watch import answers
from lakehouse.watch.answers import Answer
from lakehouse.watch.reading import Watcher

_LOOPBACK = ("127.0.0.1", "localhost")
_PATIENCE_SECONDS = 15


def open_server(settings: Settings, host: str, port: int) -> ThreadingHTTPServer:
    """Listen; /metrics asks for the token where there is one, and beyond this machine there has to be one.

    Raises InputError without a token beyond loopback, EnvironmentFailed where it can't be listened.
    """
    needs_token = host not in _LOOPBACK or (settings.secrets_dir / answers.TOKEN).exists()
    if needs_token and not (settings.secrets_dir / answers.TOKEN).exists():
        raise InputError("Beyond this machine metrics need a token: make one with `lake metrics --token`.")
    watcher = Watcher(settings)

    class Handler(BaseHTTPRequestHandler):
        timeout = _PATIENCE_SECONDS
        server_version = "carelake"
        sys_version = ""

        def do_GET(self) -> None:
            self._send(self._answer())

        def _answer(self) -> Answer:
            match self.path.partition("?")[0]:
                case "/live":
                    return answers.live()
                case "/ready":
                    return answers.ready(watcher.health)
                case "/health":
                    return answers.all_parts(watcher.health)
                case "/metrics":
                    if needs_token and not answers.is_allowed(settings, self.headers.get("Authorization")):
                        return Answer(HTTPStatus.UNAUTHORIZED, b"A bearer token is needed.\n")
                    return answers.metrics(watcher)
            return Answer(HTTPStatus.NOT_FOUND, b"There are /live, /ready, /health and /metrics.\n")

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: an address that is asked may hold anything."""

    try:
        return ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise EnvironmentFailed(
            f"{host}:{port} can't be listened on: take another port, or stop what listens there."
        ) from error
