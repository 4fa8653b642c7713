"""Serving exported networks: a model server that speaks TensorFlow Serving's protocol."""
