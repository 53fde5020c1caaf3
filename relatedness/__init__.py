"""Trains and measures the relatedness model in the box; see ``relatedness/train.py``."""
