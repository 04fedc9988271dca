"""A built probe site, a server for it, and a browser that writes down what each page asks for."""

import functools
import http.server
import shutil
import threading

import pytest
import site_canvas
import site_copy
import site_probe

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each request."""

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture(scope="session")
def serve():
    """Serve a folder on this machine for the rest of the tests, and return its address."""
    servers = []

    def start(folder):
        handler = functools.partial(QuietHandler, directory=folder)
        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The probe project after its first build, for tests that only look."""
    plots = site_probe.notebook(site_probe.START, site_probe.LINES, site_probe.BARS, site_probe.HOSTILE_PLOT)
    numbers = site_probe.notebook(site_probe.NUMBERS)
    root = site_probe.project(tmp_path_factory.mktemp("probe"), {"plots": plots, "numbers": numbers})
    build = site_copy.sphinx(root)
    assert build.returncode == 0, build.stdout
    return root


@pytest.fixture
def project(built, tmp_path):
    """A copy of the built probe project, with its kept outputs, that a test may change."""
    return shutil.copytree(built, tmp_path / "project")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """The system's Chromium instead of one that pytest-playwright would download."""
    path = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if path is None:
        pytest.skip("needs Chromium; install it, for example with `apt-get install chromium`")
    return {**browser_type_launch_args, "executable_path": path, "args": FLAGS}


@pytest.fixture
def watched(page):
    """A page that is watched."""
    return site_canvas.watch(page)
