"""The command, run inside the process of a test."""

import re

from typer.testing import CliRunner

from qpcjax.cli.app import app


def call(*arguments):
    """Run the command; whatever is printed comes back without line breaks, frames and colours."""
    environment = {"COLUMNS": "80", "NO_COLOR": "1"}
    result = CliRunner().invoke(app, [str(a) for a in arguments], env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, _flat(result.stdout), _flat(result.stderr)


def _flat(text):
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())
