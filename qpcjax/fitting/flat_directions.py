"""What data leave open: directions in parameter space along which a fit does not change."""

import dataclasses

import numpy as np

from qpcjax.fitting.gated_sample import GatedSample
from qpcjax.fitting.uncertainty import weighted_slopes

_FLAT = 0.3  # a direction known to less than this share of its parameters' scale is flat
_WHOLLY = 1e-9  # of the best known direction, below which nothing at all is known
# Numbers that directions of which nothing is known are told apart by, if they move in one.
_TELLING = ("mu", "hbar_omega_y", "offset", "temperature")
# Energies that with mu are all that a barrier above an endless floor depends on.
_SHIFTED = ("height", "energy")
_OF_GATES = {"density", "depth", "gap", "length", "offset", "lever_arm"}
_EXACTLY = 0.1  # relative differences below which such a shift is one


@dataclasses.dataclass(frozen=True)
class FlatDirection:
    """A combination of parameters that the data leave undetermined.

    Fields:
        changes: relative change of each parameter (name -> number, the largest is 1).
        spread: standard error along it, in units of the parameters' scale.
        meaning: what it is, in words.
        remedy: what would determine it.
    """

    changes: dict[str, float]
    spread: float
    meaning: str
    remedy: str


def flat_directions(fit, among=None):
    """Combinations of a fit's parameters, held ones too, that its data leave undetermined.

    Right singular vectors of the slopes of all points, in units of their standard errors and of
    what counts as a large change of each parameter, whose singular values are small.

    Args:
        fit: `FitResult`.
        among: names of the parameters that may change; all by default.
    """
    jacobian = weighted_slopes(fit)
    scales, names = [], []
    for i, p in enumerate(fit.parameters):
        names.append(p.name)
        scales.append(_scale(p, float(fit.device.mu)))
        if p.name in fit.priors:
            row = np.zeros((1, jacobian.shape[1]))
            row[0, i] = 1 / fit.priors[p.name][1]
            jacobian = np.concatenate([jacobian, row])
    jacobian = jacobian * np.array(scales)
    seen = np.linalg.norm(jacobian, axis=0) > 0
    seen &= np.array([among is None or name in among for name in names])
    # what no point depends on is not a combination
    kept = [n for n, s in zip(names, seen, strict=True) if s]
    _, s, vt = np.linalg.svd(jacobian[:, seen], full_matrices=False)
    wholly = s <= _WHOLLY * np.max(s, initial=0)
    vt[wholly] = told_apart(vt[wholly], kept)
    found, gates = [], isinstance(fit.device, GatedSample)
    for singular, row in zip(s[::-1], vt[::-1], strict=True):
        spread = 1 / max(singular, 1e-12 * s[0])
        if spread < _FLAT:
            break
        row = row / row[int(np.argmax(np.abs(row)))]
        changes = {n: float(x) for n, x in zip(kept, row, strict=True) if abs(x) > 0.05}
        words = _of_gates(changes) if gates else in_words(changes)
        found.append(FlatDirection(changes, float(spread), *words))
    return tuple(found)


def told_apart(rows, names):
    """Directions that span the same space, each moving a number that the others leave alone.

    Any mixture of wholly flat directions is one, and which ones a decomposition gives is chance.
    """
    rows, free = np.array(rows), list(range(len(rows)))
    first = [i for start in _TELLING for i, n in enumerate(names) if n.startswith(start)]
    while free:
        weight = np.linalg.norm(rows[free], axis=0)  # the same in any basis
        pivot = next((i for i in first if weight[i] > 0.1), int(np.argmax(weight)))
        k = free[int(np.argmax(np.abs(rows[free, pivot])))]
        free.remove(k)
        rows[k] /= rows[k, pivot]
        others = np.arange(len(rows)) != k
        rows[others] -= np.outer(rows[others, pivot], rows[k])
        rows[free] = np.linalg.qr(rows[free].T)[0].T
    return rows


def _scale(p, mu):
    """Change of a parameter that counts as large."""
    if p.log:
        return abs(p.value)
    return {"meV": abs(mu), "ohm": 100.0, "mV": 0.1 * (p.upper - p.lower)}.get(
        p.unit, max(abs(p.value), 0.1)
    )


def _is_shift(changes):
    """Whether mu and all heights or energies of the barrier move by the same energy, alone."""
    moved = [x for n, x in changes.items() if n.partition("_")[0] in _SHIFTED]
    others = [x for n, x in changes.items() if n != "mu" and n.partition("_")[0] not in _SHIFTED]
    mu = changes.get("mu", 0.0)
    together = all(abs(x - mu) < _EXACTLY * abs(mu) for x in moved)
    return bool(moved) and mu != 0 and together and all(abs(x) < _EXACTLY for x in others)


def _of_gates(changes):
    """The same of the numbers of a `GatedSample`."""
    strong = sorted(n for n, x in changes.items() if abs(x) > 0.4)
    if len(strong) == 1 or not _OF_GATES & set(strong):
        return in_words(changes)
    return (
        f"combination of {', '.join(strong)}",
        "the density from the Hall effect, the depletion voltage under a wide gate, or the errors "
        "of lithography as priors",
    )


def in_words(changes):
    """What a flat direction is, and what would fix it."""
    if _is_shift(changes):
        return (
            "an exact symmetry of the model: mu and the barrier may be raised together, and no "
            "current, dI/dV or heat depends on it",
            "only the density of the 2DEG, stated as mu,",
        )
    strong = {n for n, x in changes.items() if abs(x) > 0.4}

    def any_of(*starts, among=strong):
        return any(n.startswith(starts) for n in among)

    lengths = ("half_width", "length", "curvature_radius", "height", "hbar_omega")
    if any_of("mu") and any_of(*lengths):
        return (
            "energy scale (mu against the sizes of the barrier)",
            "the density of the 2DEG, or dI/dV at finite bias",
        )
    if any_of("hbar_omega_y"):
        return (
            "energy scale (level spacing against the lever arm)",
            "dI/dV at finite bias, or a known temperature",
        )
    levels = any_of("offset", "mu", among=set(changes)) and any_of(*lengths, among=set(changes))
    if levels and any_of("offset", "mu", *lengths):
        return (
            "lever arm (a gate that narrows the channel against one that lifts its floor)",
            "dI/dV at finite bias",
        )
    softness = ("smearing", "hbar_omega_x", "curvature_radius")
    if any_of("temperature") and any_of(*softness, among=set(changes)):
        return (
            "temperature against softness of the barrier",
            "a known temperature, or data at two temperatures",
        )
    if any_of("smearing") and any_of("length"):
        return (
            "length against smearing (oscillations that are smeared away say no length)",
            "a lower temperature, or distances of the hot spot",
        )
    if any_of("damping"):
        return ("damping constant", "distances of the hot spot at several biases")
    if any_of("bias_share"):
        return ("where the bias drops", "dI/dV at both signs of the bias")
    if len(strong) == 1:
        return (f"{min(strong)} alone", "a prior on it, or data that depend on it more")
    return (
        f"combination of {', '.join(sorted(strong))}",
        "a prior on one of them, or data where they act differently",
    )
