"""The server behind `qpcjax explore`: one page, whose code can neither be seen nor edited."""

import contextlib
import os
import socket
import sys
import threading
import webbrowser
from pathlib import Path

from qpcjax.measurements import InputError

_PAGE = Path(__file__).with_name("app.py")
_INTERRUPTED = 130  # exit code of a command that Ctrl-C ended
_OWN = ("127.0.0.1", "localhost")


def serve(host, port, browser, say):
    """Serve the page until it is interrupted.

    Args:
        host: address to listen at.
        port: 0 takes any free one.
        browser: whether to open the page in the user's browser.
        say: called with a line that says where the page is.

    Raises:
        InputError: marimo is not installed, or the address cannot be listened at.
    """
    try:
        import uvicorn
        from marimo import create_asgi_app
        from starlette.middleware.trustedhost import TrustedHostMiddleware
    except ImportError:
        raise InputError(
            'the explorer needs marimo, which is not installed: pip install "qpcjax[app]"'
        ) from None
    warming = threading.Thread(target=_warm, daemon=True)
    warming.start()
    pages = create_asgi_app(quiet=True, include_code=False).with_app(path="", root=str(_PAGE))
    listening = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}"
    say(f"The explorer is at {address} (Ctrl-C ends it)")
    if browser:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    page = pages.build()
    if host in _OWN:  # no other site may pass itself off as this computer
        page = TrustedHostMiddleware(page, allowed_hosts=list(_OWN))
    server = uvicorn.Server(uvicorn.Config(page, log_level="error"))
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
    if warming.is_alive():
        # Python's own end would take the compiler's memory from under it: a crash.
        sys.stdout.flush()
        os._exit(_INTERRUPTED)


def _warm():
    from qpcjax.explorer.warm_up import warm  # takes a second, in which the server starts

    warm()


def listen(host, port):
    """A socket at the address, so that a free port is known before the server starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise InputError(f"cannot listen at {host}, port {port}: {error.strerror}") from None
