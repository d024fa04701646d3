import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

_FOUND = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_CHROMIUM = os.environ.get("AUTOML_CHROMIUM") or _FOUND
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-quic", "--no-first-run",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Server:
    """`automl-agent serve` in a process of its own, as a user starts it; may be stopped and started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ready_s = 0.0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "AUTOML_LM": ""}
        words = ["--home", str(self.home), "serve", "--port", str(self.port)]
        began = time.monotonic()
        self.process = subprocess.Popen([sys.executable, "-m", "ui.cli", *words], env=environment)
        while True:
            assert self.process.poll() is None, "the server ended at once"
            assert time.monotonic() - began < 40, "the server did not answer"
            try:
                with urllib.request.urlopen(self.url, timeout=2):
                    break
            except OSError:
                time.sleep(0.1)
        self.ready_s = time.monotonic() - began

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("page") / "home")
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser per module: while it lives, its event loop keeps other tests from starting one of their own."""
    if _CHROMIUM is None:  # CI names its browser, so that there nothing is skipped
        pytest.skip("no Chromium here: install it, or name another in AUTOML_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, server: Server, tmp_path: Path) -> Iterator[Page]:
    """A page in a fresh browser profile; on failure its screenshot is kept."""
    context = chromium.new_context(viewport={"width": 1300, "height": 950}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]) if "://" in request.url else None)
    page.goto(server.url)
    page.wait_for_selector("#message textarea")
    yield page
    page.screenshot(path=str(tmp_path / "last.png"))
    context.close()
    assert hosts <= {f"127.0.0.1:{server.port}"}, "the page asked another host"
