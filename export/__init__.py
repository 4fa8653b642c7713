"""Weights in and models out: import of published PyTorch weights."""
