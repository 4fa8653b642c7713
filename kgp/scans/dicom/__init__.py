"""DICOM studies: files, headers, pixels, geometry, and which series is which contrast."""
