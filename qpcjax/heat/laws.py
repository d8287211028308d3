"""Damping laws by name, as specs and the commands state them."""

from typing import Any

import equinox as eqx

from qpcjax.constants import GAAS_MASS
from qpcjax.heat.damping import QuadraticDamping
from qpcjax.heat.giuliani_quinn import GiulianiQuinnDamping
from qpcjax.heat.material import Material
from qpcjax.heat.rpa import RPADamping
from qpcjax.quantities import closest

# The laws of an electron gas, which a density tells all of.
LAWS: dict[str, Any] = {"rpa": RPADamping, "giuliani-quinn": GiulianiQuinnDamping}


def damping_law(
    value: Any,
    fermi_energy: Any = "mu_R",
    density: float | None = None,
    mass: float = GAAS_MASS,
) -> Any:
    """A damping law from its name, or from the strength of the quadratic law.

    Args:
        value: a law, which is returned as it is; None for none; a strength, such as 0.04 or "0.04";
            or a name in `LAWS`.
        fermi_energy: E_F of the quadratic law, see `QuadraticDamping`.
        density: of a law of an electron gas, in 1e11 cm^-2; None for that of the potential of the
            electron's side.
        mass: of the electrons in such a law, in m_e.

    Raises:
        ValueError: an unknown name, a strength or density out of range, a Fermi energy beside a law
            of an electron gas, or a density beside the quadratic one.
    """
    if value is None or isinstance(value, eqx.Module):
        return value
    if not isinstance(value, str):
        return QuadraticDamping(value, fermi_energy)
    name = value.strip().lower().replace("_", "-")
    try:
        strength = float(name)
    except ValueError:
        if name not in LAWS:
            raise ValueError(
                f"damping must be a strength such as 0.04, or one of {', '.join(LAWS)}, got "
                f"{value!r}: {closest(name, LAWS)}"
            ) from None
    else:
        return QuadraticDamping(strength, fermi_energy)
    if fermi_energy != "mu_R":
        raise ValueError(
            f"fermi_energy is of the quadratic law: with {name} give the density, from which E_F "
            "follows"
        )
    return LAWS[name](density, Material(mass=mass))


def is_strength(value: Any) -> bool:
    """Whether a damping is stated as a strength, a number."""
    if not isinstance(value, str):
        return not (value is None or isinstance(value, eqx.Module))
    try:
        float(value)
    except ValueError:
        return False
    return True
