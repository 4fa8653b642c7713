"""From heatmap to mask and evidence, with NumPy alone."""
