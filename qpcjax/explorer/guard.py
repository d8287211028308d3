"""Who may use the page: whoever opened the address with its token, from the page itself.

Everything that reaches the server passes here first. A browser sends the pages of other sites here
too, and with them the cookies that it keeps for this address. So each request shows three things:
the host is one of this server's names, the page that asks is the server's own, and the token or
the cookie that stands for it is right. A body that is too large is refused before it is read.
"""

import hmac
import html
import ipaddress
import socket
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

TOKEN = "token"  # of the query of the address that is opened
ANY_ADDRESS = "any address"  # among the hosts: numerical addresses, which no name can be rebound to

_DIGITS = 15  # of a length that can be meant
_CLOSED = 1008  # code of a websocket: against the policy
_HEADERS = {  # of each answer
    # Neither pages of others nor their scripts, pictures or frames have a place here.
    b"content-security-policy": b"default-src 'self' 'unsafe-inline' data: blob:; "
    b"connect-src 'self' data: blob:; frame-ancestors 'self'; base-uri 'self'; form-action 'self'; "
    b"object-src 'none'",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}
_SPEAKS_OF_OTHERS = b"access-control-"  # headers that would open the page to other origins


class Guard:
    """An ASGI application that lets a request through to another one, or refuses it.

    Args:
        app: what is guarded.
        token: in the address that is opened; a cookie stands for it from then on.
        hosts: names that a request may call this server by; `ANY_ADDRESS` stands for all addresses
            in numbers.
        proxies: hosts of proxies in front, whose pages are this server's; with a port unless it is
            the usual one.
        cookie: the cookie's name.
        base: path in front of the page's own behind a proxy, such as "/user/me/proxy/2718".
        most: bytes of a body.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str,
        hosts: Iterable[str],
        proxies: Iterable[str] = (),
        cookie: str = "qpcjax",
        base: str = "",
        most: int = 1 << 20,
    ):
        self.app = app
        self.token = token
        self.proxies = {host.lower() for host in proxies}
        self.hosts = {*hosts, *map(_name, self.proxies)}
        self.cookie = cookie
        self.base = base
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send):
        """Answer one request or websocket."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] not in ("http", "websocket"):
            return None
        if scope["type"] == "http":
            send = _closed_to_others(send)
        asked = HTTPConnection(scope)
        refusal = self._refusal(asked)
        if refusal is not None:
            return await _refuse(refusal, scope, receive, send)
        if scope["type"] == "websocket":
            return await self.app(self._inside(scope), receive, send)
        if TOKEN in asked.query_params and scope["method"] == "GET":
            return await self._entrance(scope)(scope, receive, send)
        if self.base and scope["path"] == self.base:
            onwards = RedirectResponse(f"{self.base}/")  # addresses on the page are relative
            return await onwards(scope, receive, send)
        return await self._passed(scope, receive, send)

    def _refusal(self, asked):
        """Status and words where a request is refused, else None."""
        headers = asked.headers
        if not self._is_own_name(_name(headers.get("host", ""))):
            return 421, (
                "The explorer does not know itself by this host. Behind a proxy start it with "
                "--allowed-host NAME"
            )
        if not self._is_own_page(headers, asked.scope):
            return 403, "The explorer answers its own page only"
        given = asked.query_params.get(TOKEN, asked.cookies.get(self.cookie, ""))
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return 403, (
                "Open the address that qpcjax explore printed: it ends with a token, which is new "
                "at each start"
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > _DIGITS or int(length) > self.most:
            return 413, self._too_large()
        return None

    def _is_own_name(self, host):
        if host in self.hosts:
            return True
        return ANY_ADDRESS in self.hosts and _is_address(host)

    def _is_own_page(self, headers, scope):
        """Whether the page that asks is this server's own; programs without a page may ask too."""
        origin = headers.get("origin")
        if origin is not None:
            page = urlsplit(origin)
            own = {headers.get("host", "").lower(), *self.proxies}
            return page.scheme in ("http", "https") and page.netloc.lower() in own
        site = headers.get("sec-fetch-site", "same-origin")
        # A link elsewhere may lead here; a picture or a script there may not.
        led = scope.get("method") == "GET" and headers.get("sec-fetch-mode") == "navigate"
        return site in ("same-origin", "none") or led

    def _entrance(self, scope):
        """Leave the cookie and go on to the page without the token in its address.

        A redirection would not do: a link elsewhere may have led here, and the browser keeps a
        strict cookie to itself until this server's own page leads on.
        """
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        rest = urlencode([(name, value) for name, value in query if name != TOKEN])
        onwards = html.escape(f"{self.base}/" + (f"?{rest}" if rest else ""))
        answer = HTMLResponse(
            f'<!doctype html><title>qpcjax</title><meta http-equiv="refresh" '
            f'content="0;url={onwards}"><a href="{onwards}">qpcjax explorer</a>',
            headers={"cache-control": "no-store"},
        )
        path = f"{self.base}/"
        answer.set_cookie(self.cookie, self.token, path=path, httponly=True, samesite="strict")
        return answer

    async def _passed(self, scope, receive, send):
        """Let the application answer, unless the body grows beyond the limit without saying so."""
        taken, started = 0, False

        async def counted():
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.most:
                raise _TooLargeError
            return message

        async def noted(message):
            nonlocal started
            if taken <= self.most:  # else whatever the application says about the broken-off body
                started = True
                await send(message)

        try:
            await self.app(self._inside(scope), counted, noted)
        except _TooLargeError:
            if not started:
                await _refuse((413, self._too_large()), scope, receive, send)

    def _inside(self, scope):
        """The request as the application knows it, without the path in front."""
        path = scope["path"]
        if self.base and (path == self.base or path.startswith(f"{self.base}/")):
            scope = {**scope, "path": path[len(self.base) :] or "/", "root_path": ""}
            scope["raw_path"] = scope["path"].encode("utf-8")
        return scope

    def _too_large(self):
        return f"At most {self.most / 1e6:.0f} MB are taken at once"


class _TooLargeError(Exception):
    """A body that grew beyond the limit."""


_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def hosts_of(host: str) -> set[str]:
    """Names that a server listening at an address is called by.

    Args:
        host: where it listens; "0.0.0.0" and "::" are all addresses of this computer.
    """
    if host in ("0.0.0.0", "::"):
        return {ANY_ADDRESS, "localhost", socket.gethostname().lower(), socket.getfqdn().lower()}
    return _LOOPBACK if host in _LOOPBACK else {host.lower()}


def _name(host):
    """The name or address of a host header, without port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(host):
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _closed_to_others(send):
    """`send` with headers that keep other origins out."""

    async def closed(message):
        if message["type"] == "http.response.start":
            own = [
                (name, value)
                for name, value in message.get("headers", ())
                if not name.lower().startswith(_SPEAKS_OF_OTHERS) and name.lower() not in _HEADERS
            ]
            message = {**message, "headers": [*own, *_HEADERS.items()]}
        await send(message)

    return closed


async def _refuse(refusal, scope, receive, send):
    status, words = refusal
    if scope["type"] == "websocket":
        await receive()  # the opening
        await send({"type": "websocket.close", "code": _CLOSED, "reason": words})
        return
    # The rest of the body stays where it is: the connection ends with the answer.
    answer = PlainTextResponse(f"{words}.\n", status, {"connection": "close"})
    await answer(scope, receive, send)
