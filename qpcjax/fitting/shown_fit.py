"""How a fit shows itself: a page in notebooks, the report, a table of pandas.

What makes these knows results itself, and is imported when it is asked for.
"""

from typing import Any

from qpcjax.fitting.misfit import in_noise
from qpcjax.measurements import counted
from qpcjax.overviews import Overview, Shown, as_image, unit_text


class ShownFit(Shown):
    """A fit's result that can be read."""

    def _overview(self: Any):
        errors = self.stderr
        rows = [
            (
                p.name,
                f"{p.value:.6g}",
                f"+- {errors[p.name]:.2g}" if p.free else "held",
                unit_text(p.unit),
            )
            for p in self.parameters
        ]
        names = ", ".join(part.name for part in self.parts)
        title = f"FitResult, {self.status}: {counted(self.points, 'point')} of {names}, "
        title += in_noise(self.parts[0])
        return Overview(title, rows, self.doubts)

    def _repr_html_(self):
        from qpcjax.fitting.pictures import of_traces

        return super()._repr_html_() + "".join(map(as_image, of_traces(self).values()))

    def report(self: Any, form="text", heating=None, profiles=()):
        """The report of `qpcjax fit`: everything that the fit says, in words and tables.

        Args:
            form: "text", or "html" for one page that needs nothing beside it, picture included.
            heating: a `Heating` of `predict_heating`, for its section.
            profiles: results of `profile`, for theirs.

        Returns:
            The text; `pathlib.Path("report.html").write_text(found.report("html"))` keeps it.

        Raises:
            ValueError: another form.
        """
        from qpcjax.fitting import pictures, report

        if form == "text":
            return report.text(self, heating, profiles)
        if form == "html":
            return report.page(self, heating, profiles, pictures.of_report(self, heating))
        raise ValueError(f'form must be "text" or "html", got {form!r}')

    def to_dataframe(self: Any):
        """The parameters as a pandas DataFrame, a row for each, by name.

        Returns:
            Columns value, stderr (NaN where held), unit, state ("free" or "held"), start, lower,
            upper and "what it is".

        Raises:
            ImportError: pandas is not installed.
        """
        from qpcjax.fitting.tables import parameter_columns

        try:
            import pandas as pd
        except ImportError:
            raise ImportError("to_dataframe needs pandas: pip install pandas") from None
        return pd.DataFrame(parameter_columns(self)).set_index("name")
