"""Inherently explainable brain-tumour classifiers (arXiv 2206.05148) for TensorFlow/Keras."""

__version__ = "0.1.0"
