"""``python -m relscout`` is the command ``relscout``."""

from relscout.cli import main

if __name__ == "__main__":
    main()
