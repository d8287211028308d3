"""Damping laws by name, in Python, specs and predictions of fits."""

import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.designing.spec import read_design_spec
from qpcjax.files import InputError
from qpcjax.fitting.fit_options import TraceFitOptions
from qpcjax.heat.laws import damping_law, is_strength
from qpcjax.sweeping.spec import read_spec


def test_laws_have_names():
    assert damping_law("rpa", density=2.0) == qpc.RPADamping(2.0)
    assert damping_law("Giuliani_Quinn") == qpc.GiulianiQuinnDamping()
    assert damping_law("0.05", "mu") == damping_law(0.05, "mu") == qpc.QuadraticDamping(0.05, "mu")
    law = qpc.RPADamping(2.0, qpc.Material(mass=0.06))
    assert damping_law("rpa", density=2.0, mass=0.06) == law == damping_law(law)
    assert damping_law(None) is None
    assert [is_strength(x) for x in (0.04, "0.04", "rpa", law, None)] == [True] * 2 + [False] * 3


def test_laws_say_what_they_are():
    laws = qpc.QuadraticDamping(), qpc.RPADamping(2.0), qpc.GiulianiQuinnDamping()
    assert [law.words for law in laws] == [
        "a = 0.04",
        "damping in RPA, 2e11 cm^-2",
        "damping of Giuliani and Quinn, E_F of mu",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rap",), "one of rpa, giuliani-quinn, got 'rap': did you mean rpa"),
        (("rpa", "mu"), "fermi_energy is of the quadratic law"),
        (("rpa", "mu_R", 50.0), "density must be from 0.9"),
        ((-0.1,), "strength must be a positive number"),
    ],
)
def test_laws_that_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        damping_law(*arguments)


def test_a_fit_predicts_with_a_law():
    asked = TraceFitOptions(damping="rpa", density=2.0, mass=0.07)
    assert asked.law == qpc.RPADamping(2.0, qpc.Material(mass=0.07))
    assert TraceFitOptions(damping="0.05").law == TraceFitOptions(damping=0.05).law == 0.05
    with pytest.raises(ValueError, match="one of rpa, giuliani-quinn"):
        TraceFitOptions(damping="rap")


SWEEP = """
observables = ["inelastic_length"]
law = "rpa"
density = 2

[scatterer]
model = "saddle"
height = 10.0
hbar_omega_y = 3.0
hbar_omega_x = 1.0
mass = 0.06

[axes]
energy = [11.5, 12.5]

[fixed]
mu = 11.0
"""

DESIGN = """
damping = "rpa"
density = {density}

[objective]
kind = "hot_spot_at"
distance = 1500

[scatterer]
model = "saddle"
hbar_omega_y = 3.0
hbar_omega_x = 1.0

[reservoirs]
mu = 12.0
bias = 1.0

[free]
height = [8.0, 12.0]
"""


def test_a_design_takes_a_law(tmp_path):
    path = tmp_path / "design.toml"
    path.write_text(DESIGN.format(density="{ value = 2e15, unit = 'm^-2' }"))
    spec = read_design_spec(path)
    law = spec.named["damping"]
    assert isinstance(law, qpc.RPADamping)
    assert float(law.density) == pytest.approx(2.0)
    assert spec.positional[0].damping == law
    path.write_text(DESIGN.format(density="50"))
    with pytest.raises(InputError, match=r"design.toml: density must be from 0.9"):
        read_design_spec(path)
    path.write_text(DESIGN.format(density="2").replace('"rpa"', "0.04"))
    with pytest.raises(InputError, match="let damping be rpa or giuliani-quinn"):
        read_design_spec(path)


def test_a_sweep_takes_a_law(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(SWEEP)
    plan = read_spec(path)
    assert plan.law == qpc.RPADamping(2.0, qpc.Material(mass=0.06))
    assert plan.spec()["law"]["density"] == 2.0
    c, law, energy = plan.scatterer, plan.law, np.array([11.5, 12.5, 40.0])
    axes = {"mu": 11.0, "energy": energy}
    found = qpc.sweep(c, axes, "inelastic_length", law=law)["inelastic_length"]
    wanted = qpc.inelastic_length(c, qpc.Reservoirs(11.0), law, energy)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert np.isnan(found[-1])  # beyond the threshold of plasmons
    for more, options, message in (
        ({"damping": 0.04}, {}, "damping is the strength of the quadratic law"),
        ({}, {"fermi_energy": 7.0}, "fermi_energy is of the quadratic law"),
    ):
        with pytest.raises(ValueError, match=message):
            qpc.sweep(c, axes | more, "inelastic_length", law=law, **options)
    for old, new, message in (
        ('law = "rpa"', "", "density is of a damping law: add law"),
        ('"rpa"', '"rap"', "law must be one of rpa, giuliani-quinn, got 'rap'"),
        ("energy = [", "mass = [0.06]\nenergy = [", "law is of one mass"),
    ):
        path.write_text(SWEEP.replace(old, new))
        with pytest.raises(InputError, match=message):
            read_spec(path)
