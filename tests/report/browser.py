"""A headless Chromium, driven over the W3C WebDriver protocol by chromedriver; nothing but the standard library."""

import base64
import json
import re
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

KEYS: Final = {"ArrowDown": "\ue015", "ArrowUp": "\ue013", "ArrowLeft": "\ue012", "ArrowRight": "\ue014"} | {
    "Enter": "\ue007",
    "Escape": "\ue00c",
}
_PATIENCE_S: Final = 60


def missing() -> str:
    """What is not installed; empty when tests can run."""
    names = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(names)} not installed (Debian: chromium chromium-driver)" if names else ""


class Browser:
    """One window."""

    def __init__(self, address: str, session: str) -> None:
        self._address = f"{address}/session/{session}"

    def open(self, path: Path) -> Self:
        """Open a file and wait until its scripts ran."""
        self._call("url", {"url": path.as_uri()})
        return self

    def run(self, script: str, *arguments: object) -> Any:
        """Run the body of a function in the page."""
        return self._call("execute/sync", {"script": script, "args": list(arguments)})

    def texts(self, selector: str) -> list[str]:
        """The visible texts of all elements that a selector finds."""
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText.trim())"
        found: list[str] = self.run(script, selector)
        return found

    def click(self, selector: str, at: int = 0) -> None:
        """Click an element."""
        self.run("document.querySelectorAll(arguments[0])[arguments[1]].click()", selector, at)

    def press(self, *keys: str) -> None:
        """Press keys, one after another, by the names that scripts know them by."""
        actions = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._call("actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def messages(self) -> list[str]:
        """What the console has to complain about since the last call."""
        found: list[dict[str, str]] = self._call("se/log", {"type": "browser"})
        return [one["message"] for one in found if one["level"] in {"SEVERE", "WARNING"}]

    def picture(self) -> bytes:
        """A PNG of the window."""
        return base64.b64decode(self._call("screenshot", None))

    def _call(self, what: str, body: object) -> Any:
        return _request(f"{self._address}/{what}", body)


@contextmanager
def started(*, dark: bool = False, size: tuple[int, int] = (1280, 1000)) -> Iterator[Browser]:
    """Start a browser that has no network, with a profile that nobody had before."""
    profile = tempfile.mkdtemp(prefix="otlpv-browser-")
    driver = subprocess.Popen(
        ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert driver.stdout is not None
        port = next(
            match[1] for line in driver.stdout if (match := re.search(r"started successfully on port (\d+)", line))
        )
        address = f"http://127.0.0.1:{port}"
        arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            # Nothing that it would ask its maker for, or that would wait for an answer.
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={profile}",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--window-size={size[0]},{size[1]}",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        ]
        options = {"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}
        session = _request(f"{address}/session", {"capabilities": {"alwaysMatch": options}})["sessionId"]
        try:
            yield Browser(address, session)
        finally:
            urllib.request.urlopen(
                urllib.request.Request(f"{address}/session/{session}", method="DELETE"), timeout=_PATIENCE_S
            ).close()
    finally:
        driver.terminate()
        driver.communicate()
        shutil.rmtree(profile, ignore_errors=True)  # the browser may still be closing its files


def _request(url: str, body: object) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
        return json.load(answer)["value"]
