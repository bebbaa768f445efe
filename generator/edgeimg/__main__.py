"""`edgeimg`, and `python -m edgeimg`."""

import sys


def main() -> None:
    """Entry point; `cli.main.main` says the exit statuses."""
    try:
        # This takes a while, in which Ctrl-C would end in Python's traceback.
        from edgeimg.cli.main import main as run
    except KeyboardInterrupt:
        print("interrupted; the next run goes on from here", file=sys.stderr)
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
