"""`python -m benchmarks`: the speed of everything, beside its peers; writes docs/performance.md."""

from benchmarks.speed import main

main()
