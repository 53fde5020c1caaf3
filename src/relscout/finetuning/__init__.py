"""Fine-tuning: train encoders, and the baselines they are compared with, to classify given relations."""
