"""What one user of the dashboard does, for Locust: opens it once, then looks at one page after another, thinking 10 s.

A page view is the one request that draws a page. Which addresses there are stands in the file that PAGES names.
"""

import json
import os
import random
from pathlib import Path

from locust import FastHttpUser, constant, task
from users_request import request_of

ADDRESSES = json.loads(Path(os.environ["PAGES"]).read_text())


class Reader(FastHttpUser):
    """Somebody who reads."""

    wait_time = constant(10)

    def on_start(self) -> None:
        """Open the dashboard, as a browser does."""
        self.client.get("/", name="open")
        token = next(c.value for c in self.client.cookiejar if c.name == "_csrf_token")
        self.headers = {"X-CSRFToken": token}
        for path in ("/_dash-layout", "/_dash-dependencies"):
            self.client.get(path, name="open")

    @task
    def look(self) -> None:
        """One page view."""
        self.client.post("/_dash-update-component", json=request_of(random.choice(ADDRESSES)), headers=self.headers,
                         name="page view")  # fmt: skip
