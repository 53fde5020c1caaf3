"""``python -m relscout`` is the command ``relscout``."""

import sys

from relscout.cli import main

if __name__ == "__main__":
    sys.exit(main())
