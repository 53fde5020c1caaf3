"""The command line: parses, calls plain functions, prints."""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit: 0 for success, 1 for an interruption or a fault of ours, 2 for the user's error."""
    from relscout.cli.app import run

    run()
