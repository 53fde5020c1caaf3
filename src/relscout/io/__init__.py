"""Files in and out: readers, writers, and public data sets."""
