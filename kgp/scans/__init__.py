"""One patient's images from NIfTI, DICOM and pictures: grids, fitting, cutting, writing back."""
