"""Partitions of vectors: k-means, soft assignment, the number of clusters."""
