"""Training of the adapters in the box."""
