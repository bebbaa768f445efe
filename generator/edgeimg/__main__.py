"""`edgeimg`, and `python -m edgeimg`."""

import signal
import sys


def main() -> None:
    """Entry point; `cli.main.main` says the exit statuses. Interrupted: 130."""
    try:
        # This takes a while, in which Ctrl-C would end in Python's traceback.
        from edgeimg.cli.main import main as run

        run()
    except KeyboardInterrupt:
        # Once more, as `timeout` and impatient people send it, would interrupt the ending.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        print("interrupted; the next run goes on from here", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
