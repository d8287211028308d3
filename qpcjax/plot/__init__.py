"""Pictures: a function each, from results to the Axes they are drawn in.

Every function draws in the Axes it is given (`axes=`), or makes a figure of a journal's column or
page, and returns its Axes, of several panels an array; the figure is `axes.figure` of either. None
opens a window, leaves matplotlib's settings changed or touches `pyplot`: they are safe in scripts,
servers and notebooks.
"""

from qpcjax.plot.beyond import cooling as cooling
from qpcjax.plot.beyond import engine_map as engine_map
from qpcjax.plot.beyond import heat_by_law as heat_by_law
from qpcjax.plot.beyond import noise_and_gap as noise_and_gap
from qpcjax.plot.beyond import thermopower as thermopower
from qpcjax.plot.designs import design_summary as design_summary
from qpcjax.plot.designs import design_trajectory as design_trajectory
from qpcjax.plot.gates import gate_potential as gate_potential
from qpcjax.plot.gates import gate_staircase as gate_staircase
from qpcjax.plot.heat import heat_on_plane as heat_on_plane
from qpcjax.plot.heat import heat_profile as heat_profile
from qpcjax.plot.heat import heating as heating
from qpcjax.plot.maps import conductance_map as conductance_map
from qpcjax.plot.maps import map_fit as map_fit
from qpcjax.plot.maps import transconductance_map as transconductance_map
from qpcjax.plot.operating_point import asymmetry_map as asymmetry_map
from qpcjax.plot.operating_point import powers as powers
from qpcjax.plot.operating_point import spectrum as spectrum
from qpcjax.plot.paper import figure_2 as figure_2
from qpcjax.plot.paper import figure_3 as figure_3
from qpcjax.plot.paper import figure_4 as figure_4
from qpcjax.plot.paper import figure_5 as figure_5
from qpcjax.plot.saving import FORMATS as FORMATS
from qpcjax.plot.saving import check_formats as check_formats
from qpcjax.plot.saving import figure_bytes as figure_bytes
from qpcjax.plot.saving import figure_files as figure_files
from qpcjax.plot.saving import screen_bytes as screen_bytes
from qpcjax.plot.statistics import comparison as comparison
from qpcjax.plot.statistics import corner as corner
from qpcjax.plot.statistics import correlation as correlation
from qpcjax.plot.statistics import profiles as profiles
from qpcjax.plot.style import COLOURS as COLOURS
from qpcjax.plot.style import SERIES as SERIES
from qpcjax.plot.svg import page_bytes as page_bytes
from qpcjax.plot.temperature import temperature as temperature
from qpcjax.plot.temperature import temperature_around as temperature_around
from qpcjax.plot.traces import staircase as staircase
from qpcjax.plot.traces import staircases as staircases
from qpcjax.plot.traces import waterfall as waterfall
