# Numbers without separators of thousands, and light as the pictures are.
# /// script
# [tool.marimo.display]
# locale = "en-US-u-va-posix"
# theme = "light"
# ///
# mo.stop ends a cell, which a type checker does not know.
# pyright: reportOptionalMemberAccess=false
"""The page itself, a marimo app: controls and layout. `qpcjax explore` serves it."""

import marimo

app = marimo.App(width="full", app_title="qpcjax explorer", css_file="page.css")


@app.cell
def _():
    import marimo as mo

    from qpcjax.explorer import barriers, fits, gates, html_tables, serve, uploads
    from qpcjax.explorer.live_outputs import Screen
    from qpcjax.heat.damping import QuadraticDamping
    from qpcjax.transport.reservoirs import Reservoirs

    screen = Screen()
    left = {}  # positions of the controls, which stay when the controls are made again

    def slider(knob, *key):
        return mo.ui.slider(
            knob.low,
            knob.high,
            knob.step,
            left.get(key, knob.value),
            debounce=True,
            include_input=True,
            label=knob.label,
            full_width=True,
            on_change=lambda value: left.update({key: value}),
        )

    return (
        QuadraticDamping,
        Reservoirs,
        barriers,
        fits,
        gates,
        html_tables,
        left,
        mo,
        screen,
        serve,
        slider,
        uploads,
    )


@app.cell
def _(mo):
    get_answer, set_answer = mo.state(None)
    return get_answer, set_answer


@app.cell
def _(mo, serve):
    _views = {"Barrier": "barrier", "Measured file": "file"}
    _first = "Barrier" if serve.OPENED is None else "Measured file"
    if serve.GATES is not None:
        _views, _first = {"Gates": "gates", **_views}, "Gates"
    view = mo.ui.radio(_views, _first, inline=True)
    return (view,)


# --- what stands on the left ----------------------------------------------------------------


@app.cell
def _(barriers, get_answer, left, mo):
    known = barriers.named_barriers()
    if (_answer := get_answer()) is not None:
        known["fit"] = barriers.fitted_barrier(_answer.fit, _answer.model)
    # A link may choose the first one: ?barrier=saddle
    _name = left.get("barrier", mo.query_params().get("barrier"))
    model = mo.ui.dropdown(
        {kind.title: name for name, kind in known.items()},
        value=known[_name if _name in known else barriers.FIRST].title,
        label="barrier",
        full_width=True,
        on_change=lambda name: left.update(barrier=name),
    )
    return known, model


@app.cell
def _(barriers, mo, slider):
    conditions = mo.ui.dictionary(
        {
            "bias": slider(barriers.BIAS, "bias"),
            "temperature": slider(barriers.TEMPERATURE, "temperature"),
            "damping": slider(barriers.DAMPING, "damping"),
        }
    )
    return (conditions,)


@app.cell
def _(known, mo, model, slider):
    knobs = mo.ui.dictionary(
        {name: slider(k, model.value, name) for name, k in known[model.value].knobs.items()}
    )
    return (knobs,)


@app.cell
def _(gates, mo, serve, slider):
    _knobs = {} if serve.GATES is None else serve.GATES.knobs
    gate_knobs = mo.ui.dictionary({name: slider(k, "gates", name) for name, k in _knobs.items()})
    gate_screen = None if serve.GATES is None else gates.GatesScreen(serve.GATES)
    return gate_knobs, gate_screen


@app.cell
def _(fits, html_tables, mo, uploads):
    upload = mo.ui.file(kind="area", max_size=uploads.MOST_BYTES, label=html_tables.WANTED)
    gate_unit = mo.ui.dropdown(
        uploads.GATE_CHOICES, uploads.AS_STATED, label="gate in", full_width=True
    )
    conductance_unit = mo.ui.dropdown(
        uploads.CONDUCTANCE_CHOICES, uploads.AS_STATED, label="conductance in", full_width=True
    )
    fit_model = mo.ui.dropdown(fits.models(), fits.first(), label="barrier", full_width=True)
    electrons = mo.ui.dropdown(
        fits.ELECTRONS, next(iter(fits.ELECTRONS)), label="electrons by", full_width=True
    )
    hold = mo.ui.text(
        label="hold NAME=VALUE, ...",
        placeholder="length=60, series_resistance=300",
        full_width=True,
    )
    start = mo.ui.run_button(label="Fit", kind="success", full_width=True)
    return conductance_unit, electrons, fit_model, gate_unit, hold, start, upload


@app.cell
def _(electrons, fits, left, mo):
    _key = electrons.value
    _low, _high, _first = fits.NUMBERS[_key]
    amount = mo.ui.number(
        _low, _high, 0.01, left.get(_key, _first), on_change=lambda n: left.update({_key: n})
    )
    return (amount,)


@app.cell
def _(conductance_unit, gate_unit, html_tables, mo, serve, upload, uploads):
    which, received, refused = None, None, None
    _file = upload.value[0] if upload.value else serve.OPENED
    if _file is not None:
        try:
            received = uploads.received(
                _file.name, _file.contents, gate_unit.value, conductance_unit.value
            )
        except ValueError as _error:
            refused = html_tables.plain(_error)
    if received is not None and received.traces:
        which = mo.ui.dropdown(
            received.traces,
            value=received.first,
            label=html_tables.several(received.traces),
            searchable=len(received.traces) > html_tables.SEARCHED,
            full_width=True,
        )
    return received, refused, which


@app.cell
def _(
    amount,
    conditions,
    conductance_unit,
    electrons,
    fit_model,
    gate_knobs,
    gate_unit,
    hold,
    knobs,
    mo,
    model,
    received,
    start,
    upload,
    view,
    which,
):
    if view.value == "gates":
        _controls = [*gate_knobs.elements.values()]
    elif view.value == "barrier":
        _controls = [model, *knobs.elements.values(), *conditions.elements.values()]
    else:
        _heating = mo.vstack([*conditions.elements.values()])
        _controls = [
            upload,
            gate_unit,
            conductance_unit,
            *([which] if which is not None and len(received.traces) > 1 else []),
            fit_model,
            electrons,
            amount,
            hold,
            start,
            mo.accordion({"heating predicted at": _heating}),
        ]
    mo.sidebar([mo.md("### qpcjax explorer"), view, mo.vstack(_controls)], width="22rem")
    return


# --- the barrier ----------------------------------------------------------------------------


@app.cell
def _(QuadraticDamping, Reservoirs, conditions, knobs, known, model):
    scatterer, mu = known[model.value].build(knobs.value)
    reservoirs = Reservoirs(mu, conditions.value["bias"], conditions.value["temperature"])
    damping = QuadraticDamping(conditions.value["damping"])
    return damping, reservoirs, scatterer


@app.cell
def _(damping, mo, reservoirs, scatterer, screen, view):
    mo.stop(view.value != "barrier")
    for _html in screen.moved(scatterer, reservoirs, damping):
        mo.output.replace(mo.Html(_html))
    return


# --- gates ----------------------------------------------------------------------------------


@app.cell
def _(gate_knobs, gate_screen, mo, view):
    mo.stop(view.value != "gates")
    _states = gate_screen.moved(gate_knobs.value)
    mo.output.replace(mo.Html(next(_states)))

    def _rest(states):
        for html in states:
            if not mo.current_thread().should_exit:
                mo.output.replace(mo.Html(html))

    # A slider that moves meanwhile does not wait for T(E), nor for its compilation.
    mo.Thread(target=_rest, args=(_states,), daemon=True).start()
    return


# --- a measured file ------------------------------------------------------------------------


@app.cell
def _(html_tables, mo, received, refused, view, which):
    trace = which.value if which is not None else None
    mo.stop(view.value != "file")
    mo.Html(refused if refused is not None else html_tables.file_in_words(received, trace))
    return (trace,)


@app.cell
def _(
    amount,
    conditions,
    electrons,
    fit_model,
    fits,
    hold,
    html_tables,
    mo,
    set_answer,
    start,
    trace,
):
    mo.stop(not start.value)
    mo.stop(trace is None, mo.Html(html_tables.plain(ValueError("choose a file with a trace"))))
    try:
        with mo.status.progress_bar(total=100, title="Fit", remove_on_exit=True) as _bar:
            _numbers = {electrons.value: amount.value, **conditions.value}
            set_answer(
                fits.fitted(trace, fit_model.value, hold.value, _numbers, fits.percent(_bar.update))
            )
    except ValueError as _error:
        set_answer(None)
        mo.output.replace(mo.Html(html_tables.plain(_error)))
    return


@app.cell
def _(get_answer, html_tables, mo, trace, uploads, view):
    _answer = get_answer()
    # A result belongs to the trace that is chosen: none is left of an earlier file.
    mo.stop(view.value != "file" or _answer is None or trace is None)
    mo.stop(_answer.trace != (trace.name, trace.sha256))
    _files = _answer.files
    _downloads = (
        ("report.html", _files["report.html"].encode(), "text/html"),
        ("report.txt", _files["report.txt"].encode(), "text/plain"),
        ("qpcjax-fit.zip", uploads.archive(_files), "application/zip"),
    )
    mo.vstack(
        [
            mo.Html(html_tables.result(_answer.fit, _files)),
            mo.hstack(
                [
                    *(mo.download(b, name, kind, label=name) for name, b, kind in _downloads),
                    mo.md("The fitted barrier is in the list of barriers, moved by the gate."),
                ],
                justify="start",
                align="center",
                wrap=True,
            ),
            mo.accordion({"Report": mo.plain_text(_files["report.txt"])}),
        ]
    )
    return


@app.cell
def _(get_answer, html_tables, mo, received, trace, view):
    # What was measured, until a fit of it says more.
    mo.stop(view.value != "file" or received is None or received.picture is None)
    _answer = get_answer()
    _fitted = trace is not None and _answer is not None
    mo.stop(_fitted and _answer.trace == (trace.name, trace.sha256))
    mo.Html(html_tables.picture("Measured", received.picture, "wide"))
    return


if __name__ == "__main__":
    app.run()
