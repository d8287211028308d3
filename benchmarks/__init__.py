"""What is measured, each by one command from a clone: `python -m benchmarks.accuracy`."""
