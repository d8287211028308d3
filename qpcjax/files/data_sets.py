"""Data of several inputs from tables: bias spectroscopy, hot spots and dissipated powers."""

import numpy as np

from qpcjax.files.column_roles import Found, different, locate, stated_unit, usual
from qpcjax.files.column_units import BIAS, CONDUCTANCE, DISTANCE, GATE, MU, POWER, plain
from qpcjax.files.set_axes import bias_column, one_setting
from qpcjax.files.traces import conductance, sigma_column, trace_columns
from qpcjax.measurements import BiasSpectroscopy, DissipationData, HotSpotData, InputError


def map_columns(table, choice) -> tuple[Found, Found, Found]:
    """Gate voltage, bias and what was measured over them.

    Raises:
        InputError: no such columns, one for two of them, units that do not fit.
    """
    gate, measured = trace_columns(table, choice)
    column = bias_column(table, gate, measured, choice.setting)
    different(table.where, {"gate": gate.column, "bias": column, "conductance": measured.column})
    stated = stated_unit(column, choice.setting)
    return gate, locate(table, BIAS, column.title, stated), measured


def spectroscopy(table, choice, **more) -> BiasSpectroscopy:
    """A table with a gate voltage, a bias and a conductance."""
    gate, bias, measured = map_columns(table, choice)
    own = measured.quantity is CONDUCTANCE
    values, notes = conductance(measured, choice)
    errors = _errors(table, CONDUCTANCE) if own else None
    rows = one_setting(table, gate, bias, measured, choice.at)
    return BiasSpectroscopy(
        gate.values()[rows],
        bias.values()[rows],
        values[rows],
        sigma=None if errors is None else errors[rows],
        notes=notes,
        **more,
    )


def hot_spots(table, choice, mu=None, **more) -> HotSpotData:
    """A table with a bias and distances of the hot spot."""
    distance = locate(table, DISTANCE)
    return HotSpotData(
        locate(table, BIAS).values(),
        distance.values(),
        sigma=_errors(table, DISTANCE),
        **_where_it_stands(table, choice, mu),
        **more,
    )


def powers(table, choice, mu=None, name="", **more) -> list[DissipationData]:
    """A table with a bias and dissipated powers, a data set for each of their columns."""
    sides = power_sides(table)
    bias, place = locate(table, BIAS).values(), _where_it_stands(table, choice, mu)
    alone = len(sides) == 1
    return [
        DissipationData(
            bias,
            locate(table, POWER[side]).values(),
            side,
            sigma=_errors(table, POWER[side]) if alone else None,
            name=name if alone else f"{name}, {side}",
            **place,
            **more,
        )
        for side in sides
    ]


def power_sides(table):
    """The sides whose powers a table holds; the unit tells a power from another P."""
    return [
        side
        for side, power in POWER.items()
        if any(plain(c.unit or "") in power.units for c in usual(table, power.names))
    ]


def _where_it_stands(table, choice, mu):
    """The gate voltage or the electrochemical potential of the points, as keyword arguments."""
    if choice.gate is not None or usual(table, GATE.names):
        return {"gate": locate(table, GATE, choice.gate, choice.gate_unit).values()}
    if usual(table, MU.names):
        return {"mu": locate(table, MU).values()}
    if mu is None:
        raise InputError(
            f"{table.where}: it holds neither a gate voltage nor an electrochemical potential. Add "
            "a column 'gate (mV)' or 'mu (meV)', or state mu in meV"
        )
    return {"mu": np.array(float(mu))}


def _errors(table, quantity):
    found = sigma_column(table, quantity)
    return None if found is None else found.values()
