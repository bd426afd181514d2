"""WebKitGTK through its own WebDriver, Firefox through Marionette: the same few verbs for both, in plain Python."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

#: The key under which WebDriver names an element.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
#: The patience of one step; a person would have given up long before.
PATIENCE = 30.0


class Failed(Exception):
    """A step of a browser did not do what it was asked for."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Screen:
    """A display that nobody looks at; WebKit needs one."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writing), "-screen", "0", "800x900x24", "-nolisten", "tcp"],
            pass_fds=[writing],
            stderr=subprocess.DEVNULL,
        )
        os.close(writing)
        with os.fdopen(reading) as told:
            self.name = ":" + told.readline().strip()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


class Browser:
    """What a test does with a browser, whatever the wire."""

    name = ""

    def ask(self, command: str, **given: Any) -> Any:
        """Sends one WebDriver command; raises `Failed` where the browser says no."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def go(self, url: str) -> None:
        self.ask("navigate", url=url)

    def reload(self) -> None:
        """As a person reloads; returns once the page is a new one."""
        self.script("void (window.old = true, setTimeout(() => location.reload()))")
        self.until("!window.old && document.readyState === 'complete'")

    def script(self, script: str, *args: Any) -> Any:
        """The value of an expression or of the promise it makes; `args` are its `given`."""
        body = (
            "const given = arguments[0], done = arguments[arguments.length - 1];"
            f"Promise.resolve().then(() => ({script}))"
            ".then((value = null) => done({value}), (error) => done({error: String(error)}));"
        )
        answer = self.ask("script", script=body, args=[list(args)])
        if "error" in answer:
            raise Failed(f"{script}: {answer['error']}")
        return answer["value"]

    def element(self, css: str) -> str:
        return str(self.ask("find", using="css selector", value=css)[ELEMENT])

    def type(self, css: str, text: str) -> None:
        """Keys into a field, or a file's path into a file field."""
        self.ask("keys", id=self.element(css), text=text)

    def draw(self, css: str) -> None:
        """One stroke across an element."""
        self.script("document.querySelector(given[0]).scrollIntoView({block: 'center'})", css)
        left, top, width, height = self.script(
            "(({left, top, width, height}) => [left, top, width, height])"
            "(document.querySelector(given[0]).getBoundingClientRect())",
            css,
        )
        points = [(left + width * x, top + height * y) for x, y in ((0.2, 0.3), (0.4, 0.7), (0.6, 0.3), (0.8, 0.6))]
        moves = [{"type": "pointerMove", "duration": 60, "x": int(x), "y": int(y)} for x, y in points]
        steps = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        self.ask("actions", actions=[{"type": "pointer", "id": "finger", "actions": steps}])

    def until(self, script: str, *args: Any, seconds: float = PATIENCE) -> Any:
        """Asks again until the script says something true; a page that is just changing is no answer."""
        end = time.monotonic() + seconds
        said: Any = None
        while time.monotonic() < end:
            try:
                if value := self.script(script, *args):
                    return value
            except Failed as error:
                said = error
            time.sleep(0.1)
        raise Failed(f"{self.name}: never true: {script} {args} {said or ''}")


class WebKit(Browser):
    """WebKitGTK as Debian ships it (`webkit2gtk-driver`), with its page cache on, which is the default."""

    name = "WebKitGTK"
    PATHS = {
        "navigate": ("POST", "url"),
        "script": ("POST", "execute/async"),
        "find": ("POST", "element"),
        "keys": ("POST", "element/{id}/value"),
        "actions": ("POST", "actions"),
        "picture": ("GET", "screenshot"),
    }

    def __init__(self, folder: Path, screen: Screen) -> None:
        self.port = free_port()
        environment = {
            **os.environ,
            "DISPLAY": screen.name,
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "LANG": "C.UTF-8",
            "LANGUAGE": "zh_CN",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
            "NO_AT_BRIDGE": "1",
        }
        self.process = subprocess.Popen(
            ["WebKitWebDriver", f"--port={self.port}"],
            env=environment,
            stdout=(folder / "webkit.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.session = ""
        binary = next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
        wanted = {
            "alwaysMatch": {
                "pageLoadStrategy": "none",
                "timeouts": {"script": int(PATIENCE * 1000)},
                "webkitgtk:browserOptions": {
                    "binary": str(binary),
                    "args": ["--automation", "--geometry=400x800"],
                },
            }
        }
        for _ in range(50):
            try:
                answer = self._send("POST", "/session", {"capabilities": wanted})
                break
            except (OSError, Failed):
                time.sleep(0.2)
        else:
            raise Failed((folder / "webkit.log").read_text()[-2000:])
        self.session = answer["sessionId"]
        self.version = answer["capabilities"]["browserVersion"]

    def _send(self, method: str, path: str, body: object = None) -> Any:
        data = None if method in {"GET", "DELETE"} else json.dumps(body or {}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=2 * PATIENCE) as answer:  # noqa: S310 - our own driver
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Failed(error.read().decode()[:500]) from None

    def ask(self, command: str, **given: Any) -> Any:
        method, path = self.PATHS[command]
        return self._send(method, f"/session/{self.session}/{path.format(**given)}", given)

    def close(self) -> None:
        with suppress(OSError, Failed):
            self._send("DELETE", f"/session/{self.session}")
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, 15)
        self.process.wait()


class Firefox(Browser):
    """Firefox as Debian ships it (`firefox-esr`), through the protocol it speaks itself: no other driver is needed."""

    name = "Firefox"
    COMMANDS = {
        "navigate": "WebDriver:Navigate",
        "script": "WebDriver:ExecuteAsyncScript",
        "find": "WebDriver:FindElement",
        "keys": "WebDriver:ElementSendKeys",
        "actions": "WebDriver:PerformActions",
        "picture": "WebDriver:TakeScreenshot",
    }

    def __init__(self, folder: Path, screen: Screen) -> None:
        port = free_port()
        profile = folder / "profile"
        profile.mkdir()
        settings = {
            "marionette.port": port,
            "intl.accept_languages": "zh-CN",
            "app.update.enabled": False,
            "browser.shell.checkDefaultBrowser": False,
            "datareporting.policy.dataSubmissionEnabled": False,
            "toolkit.telemetry.reportingpolicy.firstRun": False,
            "network.captive-portal-service.enabled": False,
        }
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
        (profile / "user.js").write_text("\n".join(lines))
        self.process = subprocess.Popen(
            ["firefox-esr", "--headless", "--marionette", "--no-remote", "--profile", str(profile), "about:blank"],
            env={**os.environ, "HOME": str(folder), "DISPLAY": screen.name, "MOZ_HEADLESS_WIDTH": "400"},
            stdout=(folder / "firefox.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.wire = self._connect(port)
        self.wire.settimeout(2 * PATIENCE)
        self.count = 0
        self._read()
        capabilities = {"pageLoadStrategy": "none", "timeouts": {"script": int(PATIENCE * 1000)}}
        answer = self._send("WebDriver:NewSession", {"capabilities": {"alwaysMatch": capabilities}})
        self.version = answer["capabilities"]["browserVersion"]

    @staticmethod
    def _connect(port: int) -> socket.socket:
        for _ in range(300):
            try:
                return socket.create_connection(("127.0.0.1", port))
            except OSError:
                time.sleep(0.2)
        raise Failed("Firefox does not listen")

    def _bytes(self, enough: Callable[[bytes], bool]) -> bytes:
        got = b""
        while not enough(got):
            more = self.wire.recv(1)
            if not more:
                raise Failed("Firefox is gone")
            got += more
        return got

    def _read(self) -> Any:
        """A message is its length, a colon, and JSON."""
        size = int(self._bytes(lambda got: got.endswith(b":"))[:-1])
        body = b""
        while len(body) < size:
            body += self.wire.recv(size - len(body))
        return json.loads(body)

    def _send(self, command: str, given: dict[str, Any]) -> Any:
        self.count += 1
        body = json.dumps([0, self.count, command, given]).encode()
        self.wire.sendall(str(len(body)).encode() + b":" + body)
        _, _, error, result = self._read()
        if error:
            raise Failed(f"{error['error']}: {error['message']}")
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result

    def ask(self, command: str, **given: Any) -> Any:
        return self._send(self.COMMANDS[command], given)

    def close(self) -> None:
        with suppress(OSError, Failed):
            self._send("Marionette:Quit", {"flags": ["eForceQuit"]})
        self.wire.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()


ENGINES: dict[str, type[WebKit] | type[Firefox]] = {"webkit": WebKit, "firefox": Firefox}
