"""The page itself, a marimo app: controls and layout. `qpcjax explore` serves it."""

import marimo

app = marimo.App(width="full", app_title="qpcjax explorer")


@app.cell
def _():
    import marimo as mo

    from qpcjax.explorer import barriers, fits, html_tables, uploads
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
        left,
        mo,
        html_tables,
        screen,
        slider,
        uploads,
    )


@app.cell
def _(mo):
    get_answer, set_answer = mo.state(None)
    return get_answer, set_answer


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
def _(conditions, knobs, mo, model):
    mo.sidebar(
        [
            mo.md("### qpcjax explorer"),
            mo.vstack([model, *knobs.elements.values(), *conditions.elements.values()]),
        ],
        width="22rem",
    )
    return


@app.cell
def _(QuadraticDamping, Reservoirs, conditions, knobs, known, model):
    scatterer, mu = known[model.value].build(knobs.value)
    reservoirs = Reservoirs(mu, conditions.value["bias"], conditions.value["temperature"])
    damping = QuadraticDamping(conditions.value["damping"])
    return damping, reservoirs, scatterer


@app.cell
def _(damping, mo, reservoirs, scatterer, screen):
    for _html in screen.moved(scatterer, reservoirs, damping):
        mo.output.replace(mo.Html(_html))
    return


@app.cell
def _(mo, html_tables, uploads):
    upload = mo.ui.file(
        kind="area",
        max_size=uploads.MOST_BYTES,
        label=html_tables.WANTED,
    )
    mo.vstack([mo.md("## Fit a trace"), upload])
    return (upload,)


@app.cell
def _(mo, html_tables, uploads, upload):
    traces, which = {}, None
    if upload.value:
        try:
            traces = uploads.received(upload.value[0].name, upload.value[0].contents)
            which = mo.ui.dropdown(
                traces,
                value=next(iter(traces)),
                label=html_tables.several(traces),
                searchable=len(traces) > html_tables.SEARCHED,
            )
            mo.output.replace(which if len(traces) > 1 else None)
        except ValueError as error:
            mo.output.replace(mo.Html(html_tables.plain(error)))
    return (which,)


@app.cell
def _(mo, html_tables, which):
    trace = which.value if which is not None else None
    mo.Html(html_tables.description(trace)) if trace is not None else None
    return (trace,)


@app.cell
def _(fits, mo):
    fit_model = mo.ui.dropdown(fits.models(), value=fits.first(), label="barrier")
    fit_mu = mo.ui.number(0.1, 100.0, 0.01, value=fits.MU, label="μ (meV)")
    hold = mo.ui.text(label="hold NAME=VALUE, ...", placeholder="length=60")
    start = mo.ui.run_button(label="Fit")
    mo.hstack([fit_model, fit_mu, hold, start], wrap=True, justify="start", align="end")
    return fit_model, fit_mu, hold, start


@app.cell
def _(conditions, fit_model, fit_mu, fits, hold, mo, html_tables, set_answer, start, trace):
    mo.stop(not start.value)
    mo.stop(trace is None, mo.Html(html_tables.plain(ValueError("choose a data file first"))))
    try:
        with mo.status.progress_bar(total=100, title="Fit", remove_on_exit=True) as _bar:
            _numbers = {"mu": fit_mu.value, **conditions.value}
            set_answer(
                fits.fitted(trace, fit_model.value, hold.value, _numbers, fits.percent(_bar.update))
            )
    except ValueError as error:
        mo.output.replace(mo.Html(html_tables.plain(error)))
    return


@app.cell
def _(get_answer, mo, html_tables, uploads):
    mo.stop(get_answer() is None)
    _files = get_answer().files
    _downloads = (
        ("report.html", _files["report.html"].encode(), "text/html"),
        ("report.txt", _files["report.txt"].encode(), "text/plain"),
        ("qpcjax-fit.zip", uploads.archive(_files), "application/zip"),
    )
    mo.vstack(
        [
            mo.md("## Result"),
            mo.md("The fitted barrier is in the list on the left, with a slider for the gate."),
            mo.hstack(
                [mo.download(b, name, kind, label=name) for name, b, kind in _downloads],
                justify="start",
            ),
            mo.Html(html_tables.gallery({n: c for n, c in _files.items() if n.endswith(".png")})),
            mo.accordion({"Report": mo.plain_text(_files["report.txt"])}),
        ]
    )
    return


if __name__ == "__main__":
    app.run()
