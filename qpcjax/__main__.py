"""Lets `python -m qpcjax` do what the command `qpcjax` does."""

from qpcjax.cli.app import main

if __name__ == "__main__":
    main()
