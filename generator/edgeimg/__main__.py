"""`python -m edgeimg`."""

from edgeimg.cli.main import main

main()
