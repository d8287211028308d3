"""Draw the pictures of docs/pictures.md, from made-up data.

python docs/make_pictures.py [NAME ...]

A picture is named after the function of `qpcjax.plot` that it shows.
"""

import dataclasses
import functools
import io
import sys
from pathlib import Path

import jax
import numpy as np
from PIL import Image

import qpcjax as qpc
from qpcjax import beyond_figures, paper_figures, plot
from qpcjax.designing import StrongestCooling
from qpcjax.files import read_trace
from qpcjax.fitting import (
    Device,
    GateCurve,
    Gated,
    compare,
    fit,
    fit_together,
    predict_heating,
    trace_device,
)
from qpcjax.measurements import BiasSpectroscopy, ConductanceTrace
from qpcjax.staircases.layout import read_layout

jax.config.update("jax_enable_x64", True)  # before the first number

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "images" / "pictures"
WIDTH, BYTES = 1000, 145_000  # of a picture, at most; a page shows no more pixels

CHANNEL = qpc.AbruptConstriction(half_width=20.0, length=80.0)
RESERVOIRS = qpc.Reservoirs(mu=14.0, bias=4.0, temperature=1.6)
GATES = (-50.0, 0.0)  # mV


# --- what is drawn --------------------------------------------------------------------------


@functools.cache
def trace_fit():
    """The example trace and the channel behind it."""
    trace = read_trace(ROOT / "fits" / "data" / "trace.csv")
    return fit(trace_device(trace, "mean", mu=7.15), trace)


@functools.cache
def spectroscopy():
    """Noisy dI/dV of a saddle whose height falls along the gate, and the saddle fitted to it."""
    gate, bias = np.linspace(-50, 0, 41), np.linspace(-3, 3, 31)
    noise = 0.01 * np.random.default_rng(1).standard_normal((41, 31))

    @jax.vmap
    def measured(gate):
        saddle = qpc.SaddlePoint(0.6 - 0.084 * gate, 2.0, 0.8)
        return qpc.differential_conductance(saddle, qpc.Reservoirs(5.0, bias, 0.5))

    data = BiasSpectroscopy(gate[:, None], bias, measured(gate) + noise, temperature=0.5)
    barrier = Gated(qpc.SaddlePoint(3.0, 2.1, 0.9), height=GateCurve((-50.0, 0.0), [4.7, 0.7]))
    device = Device(barrier, mu=5.0, temperature=0.5)
    return data, fit(device, data, free=["hbar_omega_y"], starts=[{}])


@functools.cache
def small_fit():
    """A saddle fitted to a trace of forty points."""
    gate = np.linspace(-50, 0, 40)
    g = jax.vmap(lambda v: qpc.conductance(qpc.SaddlePoint(1 - 0.08 * v, 2.0, 0.8), 5.0, 1.0))(gate)
    noise = 0.004 * np.random.default_rng(1).standard_normal(40)
    trace = ConductanceTrace(gate, g + noise, sigma=0.004, temperature=1.0)
    barrier = Gated(qpc.SaddlePoint(3.0, 2.0, 1.0), height=GateCurve((-50.0, 0.0), [4.0, 2.0]))
    return fit(Device(barrier, mu=5.0, series_resistance=0.0), trace)


def _compared():
    """The saddle of the trace beside saddles whose levels are spaced otherwise."""
    first = small_fit()
    others = {
        f"spacing {spacing:g} meV": fit(
            first.device, first.parts[0].data, fixed={"hbar_omega_y": spacing}, starts=[{}]
        )
        for spacing in (1.9, 2.2)
    }
    return compare({"free spacing": first, **others}, folds=4)


def two_traces():
    """Two traces of the saddle whose gates lie 12 mV apart, fitted together."""
    first = small_fit().parts[0].data
    beside = dataclasses.replace(first, gate=first.gate + 12, name="12 mV beside")
    held = {"series_resistance": 0.0, "hbar_omega_y": 2.0}
    asked = {"private": ("height",), "mu": 5.0, "knots": 2, "fixed": held}
    return fit_together([first, beside], "saddle", **asked).found


@functools.cache
def cooling():
    """The channel whose upstream side is cooled most."""
    free = {"half_width": (15.0, 25.0), "mu": (3.0, 8.0), "bias": (0.1, 4.0)}
    start, r = qpc.AbruptConstriction(20.0, 60.0), qpc.Reservoirs(6.0, 1.0, 2.0)
    return qpc.design(StrongestCooling(), start, r, free)


def warming():
    """Traces of a saddle from 0.3 to 4 K."""
    gate = np.linspace(-60, 0, 121)
    temperature = np.array([0.3, 1.0, 2.0, 3.0, 4.0])

    @jax.vmap
    def g(gate):
        saddle = qpc.SaddlePoint(0.6 - 0.084 * gate, 2.0, 0.5)
        return qpc.conductance(saddle, 5.0, temperature)

    traces = [ConductanceTrace(gate, y) for y in np.asarray(g(gate)).T]
    return traces, temperature


# --- the pictures ---------------------------------------------------------------------------


def _profiles(found):
    return plot.profiles(found, [found.profile(p.name, 9) for p in found.free])


def _waterfall():
    traces, temperature = warming()
    return plot.waterfall(traces, values=temperature, label="temperature (K)")


@functools.cache
def layout():
    """The layout of gates of docs/gates.md."""
    return read_layout(ROOT / "docs" / "layout.toml")


TRUE = {"hbar_omega_x": 0.8, "height_1": 5.0, "height_2": 1.0, "series_resistance": 0.0}

ENERGY, BIAS = np.linspace(1.0, 25.0, 161), np.linspace(-5.0, 5.0, 81)  # meV


def _heat(mu, bias):
    """What the channel dissipates at these potentials and biases."""
    r = qpc.Reservoirs(mu, bias, RESERVOIRS.temperature)
    return qpc.transport_map(CHANNEL, r).dissipation


PICTURES = {
    "figure_2": lambda: plot.figure_2(paper_figures.figure_2()),
    "figure_3": lambda: plot.figure_3(paper_figures.figure_3()),
    "figure_4": lambda: plot.figure_4(paper_figures.figure_4()),
    "figure_5": lambda: plot.figure_5(paper_figures.figure_5()),
    **{
        name: lambda compute=compute, draw=draw: draw(compute())
        for name, (compute, draw) in beyond_figures.FIGURES.items()
    },
    "staircase": lambda: plot.staircase(trace_fit()),
    "staircases": lambda: plot.staircases(two_traces()),
    "waterfall": _waterfall,
    "conductance_map": lambda: plot.conductance_map(*spectroscopy()),
    "transconductance_map": lambda: plot.transconductance_map(*spectroscopy()),
    "map_fit": lambda: plot.map_fit(spectroscopy()[1]),
    "heating": lambda: plot.heating(predict_heating(trace_fit(), bias=2.0, temperature=1.6)),
    "spectrum": lambda: plot.spectrum(ENERGY, qpc.transmission(CHANNEL, ENERGY), RESERVOIRS),
    "powers": lambda: plot.powers(ENERGY, _heat(ENERGY, RESERVOIRS.bias), RESERVOIRS),
    "asymmetry_map": lambda: plot.asymmetry_map(
        ENERGY, BIAS, _heat(ENERGY[:, None], BIAS).asymmetry, RESERVOIRS
    ),
    "heat_profile": lambda: plot.heat_profile(CHANNEL, RESERVOIRS),
    "heat_on_plane": lambda: plot.heat_on_plane(CHANNEL, RESERVOIRS),
    "temperature_around": lambda: plot.temperature_around(
        CHANNEL, RESERVOIRS, qpc.ElectronPlane(2.0, 1e6, 1.6, cooling=20.0)
    ),
    "gate_potential": lambda: plot.gate_potential(
        layout().device.potential(-1.2), layout().device.gates
    ),
    "gate_staircase": lambda: plot.gate_staircase(
        qpc.gate_staircase(layout().device, layout().voltages, **layout().named)
    ),
    "correlation": lambda: plot.correlation(trace_fit()),
    "profiles": lambda: _profiles(small_fit()),
    "comparison": lambda: plot.comparison(_compared()),
    "corner": lambda: plot.corner(small_fit().sample(samples=400, chains=2), TRUE),
    "design_summary": lambda: plot.design_summary(cooling()),
    "design_trajectory": lambda: plot.design_trajectory(cooling()),
}


def main(*names):
    """Write the pictures of these names, or all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or PICTURES:
        figure = np.ravel(PICTURES[name]())[0].figure
        image = Image.open(io.BytesIO(plot.figure_bytes(figure)))
        if image.width > WIDTH:
            image = image.resize((WIDTH, round(image.height * WIDTH / image.width)))
        path, image = FOLDER / f"{name}.png", image.convert("RGB")
        image.save(path, optimize=True)
        if path.stat().st_size > BYTES:  # as dots and text: fewer colours do
            image.quantize(128).save(path, optimize=True)
        print(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
