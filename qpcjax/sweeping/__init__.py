"""Sweeps: any observable over named axes, in chunks, over devices, processes and hosts."""

from qpcjax.sweeping.result import SweepResult as SweepResult
from qpcjax.sweeping.run import open_sweep as open_sweep
from qpcjax.sweeping.run import sweep as sweep
