"""What every part of relscout stands on: the records, errors, settings, files and random numbers."""
