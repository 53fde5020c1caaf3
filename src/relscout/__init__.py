"""Open relation extraction."""
