"""Which column of a table holds a quantity, and in which unit."""

import dataclasses

import numpy as np

from qpcjax.files.column_units import ColumnKind, key, known_unit, plain, split_unit
from qpcjax.files.table import Column, Table
from qpcjax.measurements import InputError


@dataclasses.dataclass(frozen=True)
class Found:
    """A column that holds a quantity.

    Args:
        table: where it stands.
        column: the column.
        quantity: the quantity that it holds.
        unit: as the file or the user stated it.
        why: how it was recognised, for `qpcjax inspect`.
    """

    table: Table
    column: Column
    quantity: ColumnKind
    unit: str
    why: str

    def values(self, component=None):
        """The numbers in this package's unit.

        Args:
            component: "real", "imag" or "abs" of complex numbers.

        Raises:
            InputError: complex numbers without a component, numbers that are infinite.
        """
        values = _real(self.table, self.column, component)
        with np.errstate(over="ignore", invalid="ignore"):  # as a damaged NaN is
            values = values * self.quantity.units[plain(self.unit)]
        infinite = np.flatnonzero(np.isinf(values))
        if infinite.size:
            raise InputError(
                f"{self.table.where}: column '{self.column.title}', point {infinite[0]} (counted "
                "from 0) is infinite: a finite number was expected, or NaN where it is missing"
            )
        return values


COMPONENTS = {"real": np.real, "imag": np.imag, "abs": np.abs}


def _real(table, column, component):
    values = column.values
    if component is not None and component not in COMPONENTS:
        raise InputError(f"component must be one of {', '.join(COMPONENTS)}, got {component!r}")
    if values.dtype.kind != "c":
        return values
    if component is None:
        raise InputError(
            f"{table.where}: the column '{column.title}' is complex, X + iY of a lock-in. Say "
            "which component is meant: real (X, where the phase was set), imag or abs"
        )
    # What is missing in one part is missing.
    return np.where(np.isnan(values), np.nan, COMPONENTS[component](values))


def locate(table, quantity, wanted=None, stated=None) -> Found:
    """The column that holds a quantity, and its unit.

    Args:
        table: where to look.
        quantity: the wanted quantity.
        wanted: the column's name, with or without its unit; by default one of the usual names.
        stated: unit, for a column that states none.

    Raises:
        InputError: no such column or more than one, no unit, an unknown or another one.
    """
    column = named(table, quantity, wanted)
    why = "named by you" if wanted is not None else f"its name is '{column.name}'"
    stated = stated or stated_unit(column, wanted)
    unit = unit_of(table.where, column.title, column.unit, quantity, stated)
    return Found(table, column, quantity, unit, why)


def usual(table, names):
    """The columns that have one of these usual names."""
    return [c for c in table.columns if not table.nameless and key(c.name) in names]


def recognised(table, quantity: ColumnKind):
    """The columns whose names tell the quantity: usual names, or likely ones in one of its units.

    Of several likely columns the ones whose values change come first: a second gate that rests is
    a setting. Of columns with the same numbers, such as two gates set together, the first is taken.
    """
    hits = usual(table, quantity.names)
    if hits or table.nameless:
        return hits
    likely = [c for c in table.columns if quantity.likely.fullmatch(key(c.name))]
    likely = [c for c in likely if plain(c.unit or "") in quantity.units]
    return _one_of_equals(moving(likely)) if len(likely) > 1 else likely


def moving(columns):
    """Those of the columns that hold more than one number; all of them where none does."""
    return [c for c in columns if c.moves] or columns


def named(table, quantity, wanted=None) -> Column:
    """The column that holds a quantity; see `locate`."""
    if wanted is not None:
        hits = by_name(table, wanted)
        problem = f"there is no column '{wanted}'"
    elif table.nameless:
        raise InputError(table.nameless)
    else:
        hits = recognised(table, quantity)
        problem = f"no column is recognised as the {quantity.name}"
    if len(hits) > 1:
        several = ", ".join(f"'{column.title}'" for column in hits)
        raise InputError(
            f"{table.where}: more than one column may be the {quantity.name}: {several}. Say which "
            "one by its full name"
        )
    if not hits:
        bare = [column.name for column in table.columns if not column.unit]
        such = f", such as '{bare[-1]} ({next(iter(quantity.units))})'" if bare else ""
        raise InputError(
            f"{table.where}: {problem}. The columns there are: {titles(table)}. Name the "
            f"{quantity.name}'s column, with its unit if it states none{such}, or call it "
            f"'{quantity.name}', with its unit in brackets if it has one"
        )
    return hits[0]


def _one_of_equals(columns):
    """The first of columns that hold the same numbers, such as two gates that are set together."""
    if len(columns) < 2 or len({c.unit for c in columns}) > 1:
        return columns
    first = columns[0].values
    same = all(np.array_equal(first, c.values, equal_nan=True) for c in columns[1:])
    return columns[:1] if same else columns


def by_name(table, wanted):
    """Columns of this title or name, one in its own case first; else the one of this number."""
    wanted = str(wanted).strip()
    hits = []
    for same in (str, str.casefold):
        hits = [c for c in table.columns if same(wanted) in (same(c.title), same(c.name))]
        if hits:
            break
    if hits:
        return hits
    # The unit may be written in the name although the file keeps it apart.
    name, unit = split_unit(wanted)
    hits = [c for c in table.columns if c.name == name and c.unit and unit == c.unit]
    hits = hits or [c for c in table.columns if wanted == str(c.number)]
    return hits or [c for c in table.columns if unit and not c.unit and name == c.name]


def stated_unit(column, wanted):
    """The unit that the user says with the name of a column that states none: 'rows (mV)'."""
    name, unit = split_unit(str(wanted or "").strip())
    return unit if unit and not column.unit and name == column.name else None


def titles(table):
    """All columns, for a message."""
    return ", ".join(f"'{column.title}'" for column in table.columns)


def unit_of(where, title, unit, quantity, stated=None) -> str:
    """The column's unit: that of the file, or the one that the user stated."""
    if stated is not None:
        stated = known_unit(stated, quantity)
    known = ", ".join(quantity.units)
    if not unit and list(quantity.units) != ["1"]:
        if stated is not None:
            return stated
        example = next(iter(quantity.units))
        raise InputError(
            f"{where}: the column '{title}' has no unit; write it into the header, such as "
            f"'{split_unit(title)[0]} ({example})', or state the unit of the {quantity.name}. "
            f"Known units are {known}"
        )
    if plain(unit or "1") not in quantity.units:
        raise InputError(
            f"{where}: the column '{title}' has the unit '{unit}', which is not known for the "
            f"{quantity.name}. Known units are {known}"
        )
    if stated is not None and unit and plain(stated) != plain(unit):
        raise InputError(
            f"{where}: the column '{title}' is in {unit} by its header, but {stated} was stated"
        )
    return unit or "1"


def different(where, columns):
    """Raise InputError where two quantities were found in one column.

    Args:
        where: file, for the message.
        columns: what each quantity is called -> its column.
    """
    seen = {}
    for name, column in columns.items():
        if column in seen:
            raise InputError(
                f"{where}: the {seen[column]} and the {name} cannot both be the column "
                f"'{column.title}'; name two different columns"
            )
        seen[column] = name
