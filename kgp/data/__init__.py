"""Data sets: cohort, labels, split, augmentation, and the tf.data pipeline."""
