"""The server behind `qpcjax explore`: one page, whose code can neither be seen nor edited."""

import contextlib
import os
import re
import secrets
import socket
import sys
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import Any

from qpcjax.explorer.uploads import MOST_BODY_BYTES, File, opened
from qpcjax.measurements import InputError

_PAGE = Path(__file__).with_name("app.py")
_INTERRUPTED = 130  # exit code of a command that Ctrl-C ended
_TOKEN_BYTES = 32
_MOST_MESSAGE_BYTES = 1 << 20  # of a websocket's message; files come another way


# What the command names, which the page shows first: marimo runs the page in this process.
OPENED: File | None = None
GATES: Any = None  # the `LiveGates` of a layout


def serve(host, port, browser, say, proxies=(), base_path="", file=None):
    """Serve the page until it is interrupted.

    Args:
        host: address to listen at.
        port: 0 takes any free one.
        browser: whether to open the page in the user's browser.
        say: called with a line that says where the page is.
        proxies: hosts, with their ports, of proxies through which the page is reached.
        base_path: path in front of the page's own there.
        file: path of a file to show first, measured or a layout of gates (.toml).

    Raises:
        InputError: marimo is not installed, the address cannot be listened at, or the file cannot
            be read.
    """
    try:
        import uvicorn
        from marimo import create_asgi_app

        from qpcjax.explorer.guard import TOKEN, Guard, hosts_of
    except ImportError:
        raise InputError(
            'the explorer needs marimo, which is not installed: pip install "qpcjax[app]"'
        ) from None
    global OPENED, GATES
    OPENED, GATES = shown_first(file)
    base = checked_base(base_path)
    proxies = [checked_host(name) for name in proxies]
    warming = threading.Thread(target=_warm, daemon=True)
    warming.start()
    pages = create_asgi_app(quiet=True, include_code=False).with_app(path="", root=str(_PAGE))
    listening = listen(host, port)
    port = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    entrance = f"{base}/?{TOKEN}={token}"
    address = f"http://{shown}:{port}{entrance}"
    say(f"The explorer is at {address} (Ctrl-C ends it)")
    for name in proxies:
        say(f"Through the proxy it is at https://{name}{entrance}")
    page = Guard(
        pages.build(), token, hosts_of(host), proxies, f"qpcjax-{port}", base, MOST_BODY_BYTES
    )
    config = uvicorn.Config(page, log_level="error", ws_max_size=_MOST_MESSAGE_BYTES)
    server = uvicorn.Server(config)
    with contextlib.suppress(KeyboardInterrupt), _opened(address, browser):
        server.run(sockets=[listening])
    if warming.is_alive():
        # Python's own end would take the compiler's memory from under it: a crash.
        sys.stdout.flush()
        os._exit(_INTERRUPTED)


@contextlib.contextmanager
def _opened(address, wanted):
    """The page in the user's browser, through a file that only the user can read.

    Other users of a computer see the arguments of each program, and there the token would be.
    """
    if not wanted:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="qpcjax-") as folder:
        door = Path(folder, "explorer.html")
        door.write_text(
            f'<!doctype html><meta http-equiv="refresh" content="0;url={address}">'
            f'<a href="{address}">qpcjax explorer</a>',
            encoding="utf-8",
        )
        timer = threading.Timer(0.5, webbrowser.open, [door.as_uri()])
        timer.daemon = True
        timer.start()
        yield


def checked_base(path: str) -> str:
    """A path in front of the page's own: "" or one that begins with a slash and ends without."""
    base = "/".join(["", *filter(None, path.split("/"))])
    if not re.fullmatch(r"[\w./~@%+-]*", base, re.ASCII) or ".." in base.split("/"):
        raise InputError(f"base path must be like /user/me/proxy/2718, got {path!r}")
    return base


def checked_host(name: str) -> str:
    """A host with or without a port, as a proxy in front has one."""
    if not re.fullmatch(r"[\w.-]+(:\d+)?|\[[\da-f:]+\](:\d+)?", name, re.ASCII | re.IGNORECASE):
        raise InputError(f"allowed host must be like hub.example.org or hub:8443, got {name!r}")
    return name.lower()


def shown_first(path: str | Path | None) -> tuple[File | None, Any]:
    """A measured file or the gates of a layout, the other one None."""
    if path is None or Path(path).suffix.lower() != ".toml":
        return (None if path is None else opened(path)), None
    from qpcjax.explorer.gates import LiveGates
    from qpcjax.staircases.layout import read_layout

    return None, LiveGates(read_layout(path))


def _warm():
    if GATES is not None:
        GATES.warm()
        return
    from qpcjax.explorer.warm_up import warm  # takes a second, in which the server starts

    warm()


def listen(host, port):
    """A socket at the address, so that a free port is known before the server starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(f"cannot listen at {host}, port {port}: {error.strerror}") from None
