"""Labels of a figure as text of an SVG: the formulas that labels have, set without a layout."""

import html
import itertools
import re

_SMALLER = 0.7  # size of an index
_LOWERED, _RAISED = 0.18, -0.36  # of the size of the text
_NAMES = {
    "mu": "µ", "eta": "η", "omega": "ω", "epsilon": "ε", "Gamma": "Γ", "Omega": "Ω",
    "hbar": "ħ", "partial": "∂", "cdot": "·", "times": "\u00d7", "pi": "π",
    ",": "\u2009", ";": "\u2005", " ": " ",
}  # fmt: skip
_SIGNS = {"-": "\u2005\u2212\u2005", "=": "\u2005=\u2005", "<": "\u2005<\u2005", "*": "\u2217"}
_TOKEN = re.compile(r"\\mathrm\{([^{}]*)\}|\\bar\s*(\\?\w+)|\\([a-zA-Z]+|.)|(.)", re.DOTALL)
_NUMBER = re.compile(r"^\$\\mathdefault\{(.*)\}\$$")  # of a tick
_MACRON = "\u0304"

# Widths in shares of the size: of a digit, of narrow signs, of all others.
_DIGIT, _NARROW, _WIDE = 0.64, 0.32, 0.84


class UnknownTextError(ValueError):
    """A formula with something that is not set here."""


def spans(text: str, size: float) -> str:
    """A label as the content of an SVG's text element.

    Args:
        text: with formulas between dollars, as matplotlib has it.
        size: of the letters.

    Raises:
        UnknownTextError: several lines, or a command of TeX that no label of this package has.
    """
    if "\n" in text:
        raise UnknownTextError("several lines")
    runs = []
    for place, part in enumerate(re.split(r"(?<!\\)\$", _NUMBER.sub(r"$\1$", text))):
        runs += _formula(part) if place % 2 else [(part.replace(r"\$", "$"), False, 0)]
    written, height = [], 0.0
    for (italic, index), same in itertools.groupby(runs, lambda run: run[1:]):
        words = "".join(word for word, *_ in same)
        if not words:
            continue
        shift = {0: 0.0, -1: _LOWERED, 1: _RAISED}[index] * size
        given = f' dy="{shift - height:.2f}"' if shift != height else ""
        given += ' font-style="italic"' if italic else ""
        given += f' font-size="{_SMALLER * size:.2f}"' if index else ""
        words = html.escape(words, quote=False)
        written.append(f"<tspan{given}>{words}</tspan>" if given else words)
        height = shift
    return "".join(written)


def width(text: str, size: float) -> float:
    """About how wide the label of a tick is, for the distance of what stands beside it."""
    plain = re.sub(r"\\[a-z]+|[${}^_]", "", text)
    shares = (_DIGIT if c.isdigit() else _NARROW if c in ".,' " else _WIDE for c in plain)
    return size * sum(shares)


def _formula(text, index=0):
    """Runs of letters: their words, whether they slant, and whether they are an index."""
    runs, place = [], 0
    while place < len(text):
        if text[place] in "_^":
            if index:
                raise UnknownTextError(f"an index of an index in {text!r}")
            lowered = text[place] == "_"
            inner, place = _group(text, place + 1)
            runs += _formula(inner, -1 if lowered else 1)
            continue
        token = _TOKEN.match(text, place)
        if token is None or text[place] in "{}":
            raise UnknownTextError(f"a brace in {text!r}")
        place = token.end()
        upright, barred, name, sign = token.groups()
        if upright is not None:
            runs.append((upright, False, index))
        elif barred is not None:
            runs.append((_named(barred.lstrip("\\")) + _MACRON, True, index))
        elif name is not None:
            runs.append((_named(name), name[0].islower(), index))
        elif not sign.isspace():
            runs.append((_SIGNS.get(sign, sign), sign.isalpha(), index))
    return runs


def _group(text, place):
    """What follows an index, and where that ends."""
    command = re.match(r"\\mathrm\{[^{}]*\}|\\[a-zA-Z]+", text[place:])
    if command:
        return command[0], place + command.end()
    if text[place : place + 1] == "{":
        end = text.find("}", place)
        if end < 0 or "{" in text[place + 1 : end]:
            raise UnknownTextError(f"braces in {text!r}")
        return text[place + 1 : end], end + 1
    return text[place : place + 1], place + 1


def _named(name):
    if len(name) == 1 and name.isalpha():
        return name
    if name not in _NAMES:
        raise UnknownTextError(f"\\{name}")
    return _NAMES[name]
