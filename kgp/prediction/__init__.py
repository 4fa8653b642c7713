"""From a runtime and raw slices to class, probabilities, map, mask and evidence."""
