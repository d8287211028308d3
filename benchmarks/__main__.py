"""`python -m benchmarks`: the speed of everything, beside its peers (benchmarks/performance.md)."""

from benchmarks.speed import main

main()
