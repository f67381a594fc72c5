"""The command; see the package."""

import sys

from bulletin.torture.command import main

if __name__ == "__main__":
    sys.exit(main())
