"""Experiments that reproduce papers: presets with published numbers, protocols, runs, results."""
