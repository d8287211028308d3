"""Pieces of a report: what folds away, and what comes first."""

from qpcjax.fitting.report_sections import Section, as_page

ROWS = tuple((f"start {k}", f"{k}.5") for k in range(12))


def test_a_folded_table():
    """The text has its first rows and says how many follow; the page opens it on a click."""
    section = Section("Starts", ("twelve",), ("", "end"), ROWS, folded=True)
    text = section.text()
    assert "start 4" in text
    assert "start 5" not in text
    assert "... and 7 more, which report.html lists" in text
    page = section.html()
    assert page.index("<details><summary>12 rows</summary><table>") < page.index("start 11")
    assert page.endswith("</table></details>")
    few = Section("Starts", (), ("", "end"), ROWS[:5], folded=True)
    assert "more" not in few.text()
    assert "<details>" not in Section("Data", (), ("", "end"), ROWS).html()


def test_pictures_come_first():
    page = as_page("Fit", [Section("Doubts", ("none",))], {"fit": b"", "heating": b""})
    places = [page.index(words) for words in ("<h2>fit</h2>", "<h2>heating</h2>", "Doubts")]
    assert places == sorted(places)
