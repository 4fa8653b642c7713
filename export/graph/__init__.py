"""TensorFlow graphs of what `kgp.heatmap` does with NumPy, so that a server can cut masks alone."""
