"""Training: presets, options, losses, the loop, checkpoints, several devices."""
