"""One DICOM study at the imaging console: read, inferred, written beside it."""
