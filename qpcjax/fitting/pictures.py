"""Pictures that go with a fit's report and its look in notebooks."""


def of_traces(fit) -> dict[str, bytes]:
    """A PNG of the first conductance trace with its fit, by title; none without matplotlib.

    Args:
        fit: a `FitResult`.
    """
    if all(part.kind != "conductance" for part in fit.parts):
        return {}
    try:
        from qpcjax.plot import figure_bytes, staircase
    except ImportError:  # of matplotlib, which a stripped-down installation may lack
        return {}
    return {"Fit": figure_bytes(staircase(fit).figure)}


def of_report(fit, heating=None) -> dict[str, bytes]:
    """The same, and those of the correlations and of a prediction of heat, where there is one."""
    found = of_traces(fit)
    try:
        from qpcjax.plot import correlation, figure_bytes
        from qpcjax.plot import heating as drawn_heating
    except ImportError:
        return found
    axes = {} if heating is None else {"Heating": drawn_heating(heating)}
    axes["Correlation"] = correlation(fit)
    return found | {title: figure_bytes(drawn.figure) for title, drawn in axes.items()}
