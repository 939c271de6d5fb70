"""Makes ``python -m sa2va_cli`` the same as ``sa2va``."""

import sys


def run() -> int:
    """Runs the program; Ctrl-C is met with one line while it is still being imported, too.

    Returns:
        The exit code.
    """
    try:
        from sa2va_cli.commands.app import main
        from sa2va_cli.runtime.threads import let_threads_sleep

        let_threads_sleep()
        return main()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing was written\n")
        return 130


if __name__ == "__main__":
    sys.exit(run())
