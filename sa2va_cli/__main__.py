"""Makes ``python -m sa2va_cli`` the same as ``sa2va``."""

import sys

from sa2va_cli.commands.app import main

if __name__ == "__main__":
    sys.exit(main())
