"""One patient's images: reading NIfTI, DICOM and pictures, cutting and fitting slices, writing
back.
"""
