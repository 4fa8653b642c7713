"""A DICOM receiver that makes a result of each study it is sent, and sends it on."""
