"""Serves the relations of a run to other programs."""
