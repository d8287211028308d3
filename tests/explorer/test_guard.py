"""Attacks on the explorer: other origins, other hosts, no token, and bodies without end."""

import asyncio
import contextlib
import http.client
import http.server
import json
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pages
import pytest

from qpcjax.explorer.serve import checked_base, checked_host
from qpcjax.explorer.uploads import MOST_BODY_BYTES
from qpcjax.measurements import InputError

pytest.importorskip("marimo")

from qpcjax.explorer.guard import Guard, hosts_of  # needs marimo's server

TOKEN = "a-token-of-this-test"
PROXY = "hub.example.org"
BASE = "/user/me/proxy/2718"
WEBSOCKET = {
    "connection": "Upgrade",
    "upgrade": "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


# --- the guard alone ------------------------------------------------------------------------


async def inner(scope, receive, send):
    """An application that opens itself to all the world and repeats what it is asked."""
    taken = 0
    while scope["type"] == "http":
        message = await receive()
        taken += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        return
    headers = [(b"access-control-allow-origin", b"*")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": f"{scope['path']} {taken}".encode()})


def asked(headers=(), path="/", query="", method="GET", kind="http", body=(b"",), **options):
    """What the guard answers: its messages, and how much of the body it took."""
    guard = Guard(inner, TOKEN, hosts_of("127.0.0.1"), cookie="key", most=1000, **options)
    given = {"host": "127.0.0.1:2718", **dict(headers)}
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    if kind == "websocket":
        incoming = [{"type": "websocket.connect"}]
    else:
        incoming = [{"type": "http.request", "body": b, "more_body": True} for b in body]
        incoming[-1]["more_body"] = False
    left, sent = iter(incoming), []

    async def receive():
        return next(left)

    async def send(message):
        sent.append(message)

    asyncio.run(guard(scope, receive, send))
    return sent, len(incoming) - len(list(left))


def status(*arguments, **options):
    """The status of an answer; of a websocket whether it was accepted."""
    first = asked(*arguments, **options)[0][0]
    return first.get("status", first["type"] == "websocket.accept")


COOKIE = {"cookie": f"key={TOKEN}"}
OWN = {**COOKIE, "origin": "http://127.0.0.1:2718"}


def test_the_token_opens_the_page_and_a_cookie_stands_for_it():
    (start, body), _ = asked(query=f"barrier=saddle&token={TOKEN}&x=%22%3E")
    headers = dict(start["headers"])
    assert start["status"] == 200
    cookie = headers[b"set-cookie"].decode()
    assert cookie.startswith(f"key={TOKEN};")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert headers[b"referrer-policy"] == b"no-referrer"
    assert b"url=/?barrier=saddle&amp;x=%22%3E" in body["body"]
    assert TOKEN.encode() not in body["body"]  # the page's own address is without it
    assert status(COOKIE) == 200
    assert status(OWN, method="POST") == 200
    assert status(OWN, kind="websocket")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cookie": "key=guessed"},
        {"cookie": "key="},
        {"cookie": f"other={TOKEN}"},
        {"cookie": "key=\xe9"},
        *({**COOKIE, "origin": page} for page in (
            "https://evil.example", "null", "http://127.0.0.1:8888", "http://127.0.0.1",
            "file://", "http://127.0.0.1:2718.evil.example", "http://evil.example/127.0.0.1:2718",
        )),
    ],
)  # fmt: skip
def test_without_the_token_or_from_elsewhere_nothing_is_answered(headers):
    for method in ("GET", "POST", "OPTIONS", "HEAD"):
        assert status(headers, method=method) == 403
    assert not status(headers, kind="websocket")
    assert status(headers, query="token=guessed") == 403


def test_scripts_and_pictures_of_other_pages_are_refused_and_their_links_are_not():
    other = {"sec-fetch-site": "same-site", **COOKIE}  # another port of this computer
    assert status({**other, "sec-fetch-mode": "no-cors"}) == 403
    assert status({**other, "sec-fetch-mode": "navigate"}) == 200
    assert status({**other, "sec-fetch-mode": "navigate"}, method="POST") == 403


def test_the_server_answers_to_its_own_names_only():
    for host in ("localhost:2718", "127.0.0.1", "[::1]:2718", "LOCALHOST"):
        assert status({**COOKIE, "host": host}) == 200
    for host in ("rebound.example:2718", "", "[", "127.0.0.1.evil.example", PROXY):
        assert status({**COOKIE, "host": host}) == 421
    assert "10.1.2.3" not in hosts_of("127.0.0.1")
    wide = Guard(inner, TOKEN, hosts_of("0.0.0.0"))
    assert socket.gethostname().lower() in wide.hosts
    assert "any address" not in hosts_of("192.168.1.5")


def test_behind_a_proxy_its_page_and_path_are_the_servers_own():
    behind = {"proxies": [PROXY], "base": BASE}
    page = {**COOKIE, "origin": f"https://{PROXY}"}
    for host in (PROXY, "127.0.0.1:2718"):  # a proxy may or may not keep the header
        assert status({**page, "host": host}, kind="websocket", **behind)
    assert not status({**COOKIE, "origin": "https://evil.org"}, kind="websocket", **behind)
    for path in ("/api/x", f"{BASE}/api/x"):  # and may or may not take its path away
        (_, body), _ = asked(page, path=path, **behind)
        assert body["body"] == b"/api/x 0"
    (start, body), _ = asked(query=f"token={TOKEN}", **behind)
    assert f"Path={BASE}/;" in dict(start["headers"])[b"set-cookie"].decode()
    assert f"url={BASE}/".encode() in body["body"]
    (start, _), _ = asked(page, path=BASE, **behind)
    assert dict(start["headers"])[b"location"] == f"{BASE}/".encode()


def test_other_origins_are_never_invited():
    (start, _), _ = asked(OWN)
    names = [name for name, _ in start["headers"]]
    assert not [name for name in names if name.startswith(b"access-control")]
    assert b"content-security-policy" in names


def test_a_large_body_is_refused_before_it_is_read():
    chunks = [b"x" * 300] * 8
    for length in ("2400", "-1", "1e3", "9" * 5000):
        (start, _), taken = asked({**OWN, "content-length": length}, method="POST", body=chunks)
        assert (start["status"], taken) == (413, 0)
    # A body that does not say how long it is ends at the limit.
    (start, _), taken = asked(OWN, method="POST", body=chunks)
    assert (start["status"], taken) == (413, 4)
    (_, body), _ = asked(OWN, method="POST", body=[b"x" * 500] * 2)
    assert body["body"] == b"/ 1000"


@pytest.mark.parametrize("path", ["/a b", "/a/../b", "/a?b", '/"><script>', "/a\n", "/a#b", "//é"])
def test_a_base_path_that_is_none_is_refused(path):
    with pytest.raises(InputError, match="base path"):
        checked_base(path)
    assert checked_base("user/me//proxy/2718/") == BASE
    assert checked_base("") == checked_base("/") == ""


@pytest.mark.parametrize("name", ["", "https://hub.example.org", "a b", "hub/path", "*", "a:b"])
def test_an_allowed_host_that_is_none_is_refused(name):
    with pytest.raises(InputError, match="allowed host"):
        checked_host(name)
    assert checked_host("Hub.example.org:8443") == "hub.example.org:8443"
    assert checked_host("[::1]:80") == "[::1]:80"


# --- the server -----------------------------------------------------------------------------


def answer(server, path="/", method="GET", body=None, **headers):
    """Status and text of an answer over a connection of its own."""
    connection = http.client.HTTPConnection(urlsplit(server.address).netloc, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        got = connection.getresponse()
        return got.status, got.read().decode(errors="replace")


def cookie(server):
    return f"qpcjax-{urlsplit(server.address).port}={server.token}"


def test_the_server_answers_its_own_page_only(server):
    assert answer(server)[0] == 403
    assert answer(server, "/?token=guessed")[0] == 403
    assert answer(server, f"/?token={server.token}")[0] == 200
    assert answer(server, cookie=cookie(server))[0] == 200
    evil = {"cookie": cookie(server), "origin": "https://evil.example"}
    assert answer(server, **evil)[0] == 403
    # Nothing is behind another door: every path that marimo has is refused without the token.
    for path in ("/ws?session_id=s", "/api/version", "/api/kernel/run", "/health", "/assets/x.js"):
        assert answer(server, path)[0] == 403
        assert answer(server, path, "POST", b"{}")[0] == 403
    assert answer(server, "/ws?session_id=s", **WEBSOCKET, **evil)[0] == 403
    own = {"cookie": cookie(server), "origin": server.address}
    assert answer(server, "/ws?session_id=s", **WEBSOCKET, **own)[0] == 101


def test_half_a_gigabyte_leaves_the_memory_as_it_was(server):
    status_file = Path(f"/proc/{server.process}/status")
    if not status_file.exists():
        pytest.skip("the system does not say how much memory a process takes")
    own = {"cookie": cookie(server), "origin": server.address, "marimo-session-id": "s"}
    answer(server, **own)
    # The server compiles meanwhile: its own growth is the largest that is seen without an attack.
    before = _memory(status_file)
    assert _sent(server, own, {"content-length": str(500_000_000)}, 500) < 10_000_000
    taken = _sent(server, own, {"transfer-encoding": "chunked"}, 500)
    assert taken < MOST_BODY_BYTES + 10_000_000
    assert _memory(status_file) - before < 300_000_000


def _memory(status_file):
    (line,) = (x for x in status_file.read_text().splitlines() if x.startswith("VmRSS"))
    return 1000 * int(line.split()[1])


def _sent(server, headers, more, megabytes):
    """How much of a body the server lets itself be sent."""
    where = urlsplit(server.address)
    lines = {"host": where.netloc, **headers, **more}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    block = b"x" * 1_000_000
    if "transfer-encoding" in more:
        block = f"{len(block):x}\r\n".encode() + block + b"\r\n"
    sent = 0
    with socket.create_connection((where.hostname, where.port), 30) as line:
        line.sendall(f"POST /api/kernel/set_ui_element_value HTTP/1.1\r\n{head}\r\n".encode())
        with contextlib.suppress(ConnectionError):
            for _ in range(megabytes):
                line.sendall(block)
                sent += len(block)
    return sent


ATTACK = """
<!doctype html><title>elsewhere</title><script>
const target = '%s', results = {};
const done = (name, what) => { results[name] = what; };
const call = (name, path, options) => fetch(target + path, options)
  .then(r => done(name, 'answered ' + r.status), () => done(name, 'refused'));
call('read', '/', {credentials: 'include'});
call('post', '/api/kernel/set_ui_element_value', {method: 'POST', credentials: 'include',
  headers: {'content-type': 'application/json'}, body: '{}'});
call('token', '/?token=%s', {});
const socket = new WebSocket(target.replace('http', 'ws') + '/ws?session_id=stolen');
socket.onopen = () => done('websocket', 'opened');
socket.onerror = () => done('websocket', 'refused');
const frame = document.createElement('iframe');
frame.src = target + '/';
document.documentElement.append(frame);
const picture = new Image();
picture.onload = () => done('picture', 'shown');
picture.onerror = () => done('picture', 'refused');
picture.src = target + '/favicon.ico';
window.results = results;
</script>
"""


def test_a_page_of_another_origin_gets_nothing(server, browser):
    """The user has the explorer open, and a page of another port and one of another name."""
    browser.get(server.entrance(barrier="step"))
    pages.until(lambda: pages.deep(browser, "[role=slider]"), 120)
    assert "token" not in browser.current_url
    page = (ATTACK % (server.address, server.token)).encode()

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as elsewhere:
        threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
        for name in ("127.0.0.1", "localhost"):
            browser.get(f"http://{name}:{elsewhere.server_port}/")
            results = pages.until(lambda: _results(browser), 20)
            assert set(results.values()) == {"refused"}, results
        elsewhere.shutdown()


def _results(browser):
    """What came of each attempt, when all have ended."""
    results = json.loads(browser.execute_script("return JSON.stringify(window.results)"))
    return results if len(results) == 5 else None
