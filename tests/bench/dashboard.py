"""The dashboard's figures on this machine: a table and JSON. `make bench-dashboard`, on an idle machine.

Over a lake of 1,000 people invented by Synthea, all resource types, to gold, made once, into .cache/bench. Server,
500 users (Locust) and a browser share the machine. The baseline is an address that answers without looking at anything.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from bench import ROOT, figure, machine, show
from users_request import request_of

from dash_app.app import find_pages
from infra.served import browser, dashboard
from lakehouse.settings import Settings
from spark_jobs.demo.synthea import Population, generate

Figure = dict[str, Any]
MORE = ("/readmissions?since=2024-01-01", "/census?since=2025-01-01", "/catalog?table=silver.encounter",
        "/lineage?node=gold.readmission.is_readmitted", "/quality?severity=low", "/runs?state=published")  # fmt: skip


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lake", type=Path, help="a lake that is there already")
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=120, help="how long all users are there")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache" / "bench" / "dashboard.json")
    arguments = parser.parse_args()
    home = arguments.lake or made_lake()
    addresses = [*find_pages(), *MORE]
    with dashboard(Settings(home=home)) as site:
        figures = first_and_later(site, addresses)
        figures += in_a_browser(site, addresses)
        figures += many_users(site, addresses, arguments.users, arguments.seconds)
    report = {"machine": machine(), "data": "synthetic (Synthea)", "users": arguments.users, "figures": figures}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    show(figures)
    print(f"\nWritten to {arguments.out}")


def made_lake() -> Path:
    """The lake of 1,000 people, made if it is not there: some minutes."""
    cache = ROOT / ".cache" / "bench"
    home = cache / "lake-1000"
    if not (home / "complete").exists():
        settings = Settings(home=cache, cache=Settings().cache_dir)
        folder = generate(Population(1000), cache / "synthea-1000", settings)
        environment = os.environ | {"LAKE_HOME": str(home), "LAKE_CACHE": str(settings.cache_dir)}
        lake = [sys.executable, "-m", "spark_jobs.cli"]
        for command in (["ingest", "fhir", str(folder)], ["run", "all"]):
            subprocess.run([*lake, *command], check=True, env=environment, cwd=ROOT)
        (home / "complete").touch()
    return home


def first_and_later(site: str, addresses: list[str]) -> list[Figure]:
    """Each page asked one after another, by nobody before, then ten times more; and how heavy the pages are."""
    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(f"{site}/").read()
    token = next(cookie.value for cookie in jar if cookie.name == "_csrf_token")

    def view(address: str) -> tuple[float, bytes]:
        body = json.dumps(request_of(address)).encode()
        headers = {"Content-Type": "application/json", "X-CSRFToken": token or ""}
        started = time.perf_counter()
        with opener.open(urllib.request.Request(f"{site}/_dash-update-component", body, headers)) as answer:
            text = answer.read()
        if b'"className":"failure"' in text:
            raise SystemExit(f"{address} shows a failure in place of its content: there is nothing to measure.")
        return time.perf_counter() - started, text

    first = {address: view(address) for address in addresses}
    later = [view(address)[0] for _ in range(10) for address in addresses]
    plain = [seconds_of(opener, f"{site}/live") for _ in range(100)]
    heaviest = max(first, key=lambda a: len(first[a][1]))
    slowest = max(first, key=lambda a: first[a][0])
    points = max(most_points(json.loads(text)) for _, text in first.values())
    return [
        figure("page view, first, p95", 1000 * p95([s for s, _ in first.values()]), "ms", target="at most 500"),
        figure(f"  slowest: {slowest}", 1000 * first[slowest][0], "ms"),
        figure(
            "page view, later, p95",
            1000 * p95(later),
            "ms",
            baseline=1000 * p95(plain),
            of="an answer without looking",
            target="at most 500",
        ),
        figure(f"heaviest page: {heaviest}", len(first[heaviest][1]) / 1000, "KB", target="at most 300"),
        figure("most points of a trace", points, "points", target="at most 5,000"),
    ]


def in_a_browser(site: str, addresses: list[str]) -> list[Figure]:
    """From the address to the page's charts, in Chromium."""
    seconds = []
    with browser() as opened:
        tab = opened.new_context(bypass_csp=True).new_page()  # waiting for a condition is evaluated text
        for address in addresses:
            started = time.perf_counter()
            tab.goto(site + address)
            tab.wait_for_selector("#page-title")
            tab.wait_for_function("[...document.querySelectorAll('.chart')].every(c => c.querySelector('.main-svg'))")
            seconds.append(time.perf_counter() - started)
    return [
        figure("in a browser, address to charts, median", 1000 * statistics.median(seconds), "ms"),
        figure("in a browser, address to charts, p95", 1000 * p95(seconds), "ms"),
    ]


def many_users(site: str, addresses: list[str], users: int, seconds: int) -> list[Figure]:
    """Users who think 10 s between two pages, all at once, generator and server on the same cores."""
    out = ROOT / ".cache" / "bench" / "locust"
    out.mkdir(parents=True, exist_ok=True)
    (out / "pages.json").write_text(json.dumps(addresses))
    command = [sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("users.py")), "--headless",
               "--host", site, "-u", str(users), "-r", "20", "-t", f"{seconds + users // 20}s",
               "--csv", str(out / "load"), "--only-summary", "--reset-stats"]  # fmt: skip
    subprocess.run(
        command, env=os.environ | {"PAGES": str(out / "pages.json")}, cwd=out, check=False, capture_output=True
    )
    with (out / "load_stats.csv").open() as file:
        rows = {row["Name"]: row for row in csv.DictReader(file)}
    views = rows["page view"]
    return [
        figure(f"{users} users, page view, p95", float(views["95%"]), "ms", target="at most 2,000"),
        figure("  median", float(views["50%"]), "ms"),
        figure("  page views a second", float(views["Requests/s"]), "1/s"),
        figure("  page views", float(views["Request Count"]), "views"),
        figure("  errors", float(rows["Aggregated"]["Failure Count"]), "errors", target="none"),
    ]


def seconds_of(opener: Any, url: str) -> float:
    """How long an address takes to answer."""
    started = time.perf_counter()
    opener.open(url).read()
    return time.perf_counter() - started


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1] if len(values) > 1 else values[0]


def most_points(tree: Any) -> int:
    """The longest list of numbers in a tree of JSON."""
    if isinstance(tree, dict):
        return max((most_points(v) for v in tree.values()), default=0)
    if isinstance(tree, list):
        flat = len(tree) if not any(isinstance(v, dict) for v in tree) else 0
        return max([flat, *(most_points(v) for v in tree)])
    return 0


if __name__ == "__main__":
    main()
