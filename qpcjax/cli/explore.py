"""The command `qpcjax explore`: a page with sliders."""

from pathlib import Path
from typing import Annotated

import typer

from qpcjax.cli.console import plain_errors, say
from qpcjax.files import InputError

EXAMPLES = (
    "qpcjax explore trace.csv",
    "qpcjax explore docs/layout.toml",
)


def explore(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A measured file, or a layout of gates (.toml), to open the page with."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 2718,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="Host of a proxy in front, such as hub.example.org; repeat as needed."),
    ] = None,
    base_path: Annotated[
        str,
        typer.Option(help="Path of the page behind that proxy, such as /user/me/proxy/2718."),
    ] = "",
):
    """Open a page with sliders, live pictures and the fit of a trace (extra: app).

    Runs until Ctrl-C. The address has a token: whoever has it can compute here.
    """
    from qpcjax.explorer.serve import serve

    with plain_errors((InputError, OSError)):
        serve(host, port, browser, say, allowed_host or (), base_path, file)
