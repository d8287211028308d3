"""Compare every barrier with the exact answer and write benchmarks/models.md.

python -m benchmarks.models

Needs a clone, since Kwant's table is that of the tests.
"""

import json
import statistics
import time

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from benchmarks.pages import IMAGES, PAGES, ROOT, table, used_versions

jax.config.update("jax_enable_x64", True)

import qpcjax as qpc  # noqa: E402
from qpcjax import constants  # noqa: E402

PAGE, PICTURE = PAGES / "models.md", ROOT / "docs" / "images" / "models.png"
TEMPLATE = PAGES / "models.md.in"
CONVERGENCE = IMAGES / "matched_convergence.png"
KWANT = ROOT / "tests" / "reference" / "kwant.json"

# One device for everything that is drawn.
HALF_WIDTH, LENGTH, KELVIN = 20.0, 80.0, 1.6
E1 = constants.transverse_energy(HALF_WIDTH)
BIAS = 0.6  # eV/E1 of the figure
ASPECTS = (1, 2, 4, 6)  # L/w of the tables
ENERGIES = np.linspace(0.2, 7, 1361)  # E/E1
MU = np.linspace(0.3, 4.6, 62)  # mu/E1 of the heat
TAIL = 0.5  # E/E1 at which tunnelling is compared


def matched(length, channel_modes=20, **options):
    """The exact answer, by default extrapolated."""
    options = {"extrapolate": True, **options}
    return qpc.MatchedConstriction(
        HALF_WIDTH, length, channel_modes=channel_modes, aspect_limit=5, **options
    )


def soft_step_width(length):
    """Softness hbar omega_x in meV of the saddle whose first step rises as the exact one does."""
    e = np.linspace(0.05, 2.0, 3901)
    t = np.asarray(qpc.transmission(matched(length), e * E1))
    quarter, three_quarters = (e[np.argmax(t > level)] for level in (0.25, 0.75))
    return float((three_quarters - quarter) * E1 * 2 * np.pi / (2 * np.log(3)))


def barriers(length):
    """Every model of a constriction of this length, by name."""
    channel = {"half_width": HALF_WIDTH, "length": length, "aspect_limit": 5, "modes": 4}
    return {
        "matched": matched(length),
        "profile": qpc.AbruptConstriction(**channel, matching="profile"),
        "mean": qpc.AbruptConstriction(**channel),
        "biased": qpc.BiasedConstriction(**channel, matching="profile"),
        # Walls that have doubled the width at the ends of the channel.
        "adiabatic": qpc.AdiabaticConstriction(HALF_WIDTH, length**2 / (8 * HALF_WIDTH), modes=80),
        # Its first two levels stand where those of the channel do.
        "saddle": qpc.SaddlePoint(-E1 / 2, 3 * E1, soft_step_width(length)),
    }


def heat(barrier, bias=BIAS):
    """P_A in 2 E1^2/h against mu."""
    p = qpc.dissipation(barrier, qpc.Reservoirs(MU * E1, bias * E1, KELVIN))
    return np.asarray(p.asymmetry) / (constants.CONDUCTANCE_QUANTUM * E1**2)


# --- tables ---------------------------------------------------------------------------------


def distances():
    """Rows: how far each approximation is from the exact answer."""
    rows = []
    for aspect in ASPECTS:
        models = barriers(aspect * HALF_WIDTH)
        exact, exact_heat = models.pop("matched"), None
        t = np.asarray(qpc.transmission(exact, ENERGIES * E1))
        tail = float(qpc.transmission(exact, TAIL * E1))
        exact_heat = heat(exact)
        for name, barrier in models.items():
            if name == "biased":
                continue  # without a bias it is one of the others
            other = np.asarray(qpc.transmission(barrier, ENERGIES * E1))
            power = heat(barrier)
            rows.append(
                (
                    f"{aspect}",
                    name,
                    f"{np.sqrt(np.mean((other - t) ** 2)):.4f}",
                    f"{np.max(np.abs(other - t)):.3f}",
                    f"{float(qpc.transmission(barrier, TAIL * E1)) / tail:.2f}",
                    f"{100 * (np.max(power) / np.max(exact_heat) - 1):+.0f} %",
                    f"{np.min(power):.4f} / {np.min(exact_heat):.4f}",
                )
            )
    return rows


def convergence():
    """Rows: what 20 and 40 channel modes lack, and the errors over the number of them."""
    reference_of, rows, curves = {}, [], {}
    bands = {"below 4 E1": (0.2, 4), "4 to 10 E1": (4, 10), "10 to 36 E1": (10, 36)}
    for aspect in (1, 4, 10):
        e = np.concatenate([np.linspace(a, b, 120, endpoint=False) for a, b in bands.values()])
        length = aspect * HALF_WIDTH
        reference_of[aspect] = np.asarray(qpc.transmission(matched(length, 80), e * E1))
        errors = {}
        for modes in (20, 28, 40, 56):
            for extrapolated in (False, True):
                c = matched(length, modes, extrapolate=extrapolated)
                t = np.asarray(qpc.transmission(c, e * E1))
                errors[modes, extrapolated] = np.abs(t - reference_of[aspect])
        curves[aspect] = {key: np.max(error[e < 10]) for key, error in errors.items()}
        for name, (low, high) in bands.items():
            inside = (e >= low) & (e < high)
            worst = [f"{np.max(errors[m, x][inside]):.1e}" for m in (20, 40) for x in (False, True)]
            rows.append((f"{aspect}", name, *worst))
    return rows, curves


def kwant_rows():
    """Rows: distance from Kwant's extrapolated T, and Kwant's seconds for one energy."""
    data = json.loads(KWANT.read_text())["rows"]
    rows = []
    for ell in sorted({row["ell"] for row in data}):
        found = {(r["energy"], r["N"]): r for r in data if r["ell"] == ell}
        energies, sizes = (sorted({key[i] for key in found}) for i in (0, 1))
        powers = [[1, size ** (-4 / 3), size**-2.0] for size in sizes]
        limit = np.linalg.solve(powers, [[found[e, n]["T"] for e in energies] for n in sizes])[0]
        c = matched(4 * ell * HALF_WIDTH / 2, wide_ratio=data[0]["wide_ratio"])
        wrong = np.abs(np.asarray(qpc.transmission(c, np.array(energies) * E1)) - limit)
        low = np.array(energies) < 4
        seconds = [statistics.median(found[e, n]["seconds"] for e in energies) for n in sizes]
        rows.append(
            (
                f"{2 * ell:g}",
                f"{np.max(wrong[low]):.1e}",
                f"{np.max(wrong[~low]):.1e}",
                ", ".join(f"{s:.2f} s ({n})" for s, n in zip(seconds, sizes, strict=True)),
            )
        )
    return rows


def wide_limit():
    """Rows: distance of wide regions of finite width from half planes."""
    e = np.linspace(0.3, 9, 200) * E1
    half = np.asarray(qpc.transmission(matched(LENGTH), e))
    rows = []
    for ratio in (3, 5, 9, 17):
        wide = np.asarray(qpc.transmission(matched(LENGTH, wide_ratio=float(ratio)), e))
        rows.append((f"{ratio}", f"{np.sqrt(np.mean((wide - half) ** 2)):.4f}"))
    return rows


def speed_rows():
    """Rows: transmissions per second for a batch of 10,000 energies, compiled before."""
    e = jnp.linspace(0.2, 9.9, 10_000) * E1
    rows = []
    for name, c in (
        ("half planes, 20 channel modes", matched(LENGTH, extrapolate=False)),
        ("the same, extrapolated", matched(LENGTH)),
        ("half planes, 40 channel modes", matched(LENGTH, 40, extrapolate=False)),
        ("2W = 5 x 2w, 20 channel modes", matched(LENGTH, extrapolate=False, wide_ratio=5.0)),
    ):
        begin = time.perf_counter()
        qpc.transmission(c, e).block_until_ready()
        first = time.perf_counter() - begin
        runs = []
        for _ in range(5):
            begin = time.perf_counter()
            qpc.transmission(c, e).block_until_ready()
            runs.append(time.perf_counter() - begin)
        run = statistics.median(runs)
        rows.append((name, f"{first - run:.1f} s", f"{e.size / run:.0f}"))
    return rows


def bias_rows():
    """Rows: what the potential drop inside the channel changes at mu = E1, eV = 0.5 E1, T = 0."""
    rows = []
    for matching in ("mean", "profile"):
        channel = {"half_width": HALF_WIDTH, "length": LENGTH, "matching": matching, "modes": 4}
        r = qpc.Reservoirs(E1, 0.5 * E1)
        plain = qpc.dissipation(qpc.AbruptConstriction(**channel), r)
        biased = qpc.dissipation(qpc.BiasedConstriction(**channel), r)
        change = [
            f"{100 * (float(getattr(biased, name) / getattr(plain, name)) - 1):+.1f} %"
            for name in ("right", "asymmetry")
        ]
        rows.append((matching, *change))
    return rows


# --- figures --------------------------------------------------------------------------------

_STYLES = {
    "matched": ("black", "-", 1.6),
    "profile": ("#0072B2", "--", 1.1),
    "mean": ("#A50F2A", "-", 0.9),
    "biased": ("#1B8A4B", "-", 0.9),
    "adiabatic": ("#DDA01E", "-", 0.9),
    "saddle": ("#7B3FA0", "-.", 0.9),
}


def draw():
    """T, P_A and p_R(r) of every model for one device, side by side."""
    models = barriers(LENGTH)
    mu, damping = 1.1, qpc.QuadraticDamping()
    distance = np.geomspace(300, 3e4, 300)
    with matplotlib.rc_context({"font.size": 8, "legend.frameon": False, "legend.fontsize": 7}):
        figure = Figure(figsize=(7.0, 2.6), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        for name, barrier in models.items():
            colour, dashes, width = _STYLES[name]
            style = {"color": colour, "ls": dashes, "lw": width, "label": name}
            t = qpc.transmission(barrier, ENERGIES * E1, BIAS * E1 if name == "biased" else 0.0)
            left.plot(ENERGIES, t, **style)
            middle.plot(MU, heat(barrier), **style)
            r = qpc.Reservoirs(mu * E1, BIAS * E1, KELVIN)
            power = qpc.power_per_length(barrier, r, damping, distance)
            right.semilogx(distance / 1e3, np.asarray(power) * distance, **style)
        left.set(xlabel="$E\\,/\\,E_1$", ylabel="$T$", xlim=(0.2, 7))
        left.legend(loc="upper left")
        middle.axhline(0, color="0.6", lw=0.6)
        middle.set(xlabel=r"$\bar\mu\,/\,E_1$", ylabel=r"$hP_\mathrm{A}\,/\,2E_1^2$")
        middle.set_title(f"$eV = {BIAS}\\,E_1$, $T = {KELVIN}$ K", loc="left", fontsize=8)
        right.set(xlabel=r"$r$ ($\mu$m)", ylabel=r"$r\,p_\mathrm{R}(r)$ (pW)", ylim=(0, None))
        right.set_title(f"$\\bar\\mu = {mu}\\,E_1$", loc="left", fontsize=8)
        figure.savefig(PICTURE, dpi=200)


def draw_convergence(curves):
    """Largest error of T up to 10 E1 against the number of channel modes."""
    with matplotlib.rc_context({"font.size": 8, "legend.frameon": False, "legend.fontsize": 7}):
        figure = Figure(figsize=(3.4, 2.7), layout="constrained")
        axes = figure.add_subplot()
        colours = ("#0072B2", "#A50F2A", "#DDA01E")
        for (aspect, errors), colour in zip(curves.items(), colours, strict=True):
            for extrapolated, mark in ((False, "o-"), (True, "s--")):
                points = sorted((n, e) for (n, x), e in errors.items() if x is extrapolated)
                label = None if extrapolated else f"L/w = {aspect}"
                style = {"color": colour, "ms": 3, "lw": 0.8, "label": label}
                axes.loglog(*zip(*points, strict=True), mark, **style)
        axes.plot([], [], "s--", color="0.3", ms=3, lw=0.8, label="extrapolated")
        n = np.array([20, 56])
        axes.loglog(n, 4e-3 * (n / 20) ** (-4 / 3), color="0.5", lw=0.8, label="$N^{-4/3}$")
        axes.set(xlabel="channel modes $N$", ylabel="largest error of $T$ up to $10\\,E_1$")
        axes.set_xticks([20, 28, 40, 56], ["20", "28", "40", "56"], minor=False)
        axes.minorticks_off()
        axes.legend(loc="lower left")
        figure.savefig(CONVERGENCE, dpi=200)


def main():
    """Measure everything, draw and write."""
    rows, curves = convergence()
    draw_convergence(curves)
    draw()
    lack = ("20", "20, extrapolated", "40", "40, extrapolated")
    text = TEMPLATE.read_text(encoding="utf-8").format(
        versions=used_versions(),
        width=2 * HALF_WIDTH,
        length=LENGTH,
        bias=BIAS,
        kelvin=KELVIN,
        tail=TAIL,
        distances=table(
            (
                "L/w", "model", "rms of T", "largest error", f"T({TAIL} E1) over the exact",
                "peak of P_A", "lowest h P_A/2E1^2, model / exact",
            ),
            distances(),
        ),
        convergence=table(("L/w", "energies", *lack), rows),
        kwant=table(
            ("L/w", "below 4 E1", "above", "Kwant's time for one energy (2w in lattice constants)"),
            kwant_rows(),
        ),
        wide=table(("2W/2w", "rms distance of T"), wide_limit()),
        speed=table(("solver", "compilation", "energies per second"), speed_rows()),
        bias_change=table(("matching", "P_R", "P_A"), bias_rows()),
    )  # fmt: skip
    PAGE.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
