"""Read measurements of any format; write results whole or not at all.

Every format is read into one neutral thing, a `Table` of named columns with units in the order of
the measurement (`formats` lists them), and one place makes the data sets of the fits of it
(`reading`). A further format is one file and one line.
"""

from qpcjax.files.atomic_writing import check_writable as check_writable
from qpcjax.files.atomic_writing import write_files as write_files
from qpcjax.files.column_units import CONDUCTANCE_UNITS as CONDUCTANCE_UNITS
from qpcjax.files.column_units import ENERGY_UNITS as ENERGY_UNITS
from qpcjax.files.column_units import GATE_UNITS as GATE_UNITS
from qpcjax.files.formats import open_file as open_file
from qpcjax.files.gds import read_gates as read_gates
from qpcjax.files.potentials import read_potential as read_potential
from qpcjax.files.potentials import save_potential as save_potential
from qpcjax.files.reading import read_data as read_data
from qpcjax.files.reading import read_map as read_map
from qpcjax.files.reading import read_trace as read_trace
from qpcjax.files.reading import read_traces as read_traces
from qpcjax.files.results import save_json as save_json
from qpcjax.files.results import save_netcdf as save_netcdf
from qpcjax.files.results import save_table as save_table
from qpcjax.files.results import table_files as table_files
from qpcjax.files.transmission import read_transmission as read_transmission
from qpcjax.files.two_files import read_trace_columns as read_trace_columns
from qpcjax.measurements import ConductanceTrace as ConductanceTrace
from qpcjax.measurements import InputError as InputError
