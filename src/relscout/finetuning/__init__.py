"""Fine-tuning: encoders, and what they are compared with, learn to tell given relations."""
