"""The command `qpcjax info`: versions, devices and precision."""

from rich.console import Console
from rich.table import Table

from qpcjax._versions import versions
from qpcjax.cli.console import cells, print_json
from qpcjax.cli.options import AsJson

EXAMPLES = (
    "qpcjax info",
    "qpcjax info --json",
)


def info(as_json: AsJson = False):
    """Show versions, devices and precision: what to state with a result or in a bug report."""
    import jax

    double = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
    facts = {
        "versions": versions(),
        "devices": [f"{d.platform}: {d.device_kind} ({d.id})" for d in jax.devices()],
        "precision": "float64 (double)" if double else "float32 (single)",
    }
    if as_json:
        print_json(facts)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, number in facts["versions"].items():
        table.add_row(*cells(name, number))
    for device in facts["devices"]:
        table.add_row(*cells("device", device))
    table.add_row("precision", facts["precision"])
    Console().print(table, highlight=False)
