"""Training: devices, state, step, checkpoints, logs, the loop."""
