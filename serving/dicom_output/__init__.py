"""Results of a study as DICOM objects: segmentation, parametric map, report and captures."""
