"""Scatterers: everything that has transmission eigenvalues T_n(E, V)."""

from qpcjax.scatterers._base import AbstractScatterer as AbstractScatterer
from qpcjax.scatterers._transmission import eigenvalues as eigenvalues
from qpcjax.scatterers._transmission import transmission as transmission
from qpcjax.scatterers.abrupt import AbruptConstriction as AbruptConstriction
from qpcjax.scatterers.matched import MatchedConstriction as MatchedConstriction
from qpcjax.scatterers.soft import SoftenedScatterer as SoftenedScatterer
from qpcjax.scatterers.soft import grid_points as grid_points
from qpcjax.scatterers.soft import soften as soften
