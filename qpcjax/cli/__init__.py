"""The command `qpcjax`: a file for each command."""
