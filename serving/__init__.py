"""Networks at work: model server, archive batch, console, DICOM output, and DICOM receiver."""
