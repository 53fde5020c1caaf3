"""Training: one loop that everything which learns runs in."""
