"""A DICOM receiver that makes a result of each study it is sent, and sends it on.

Its parts:

    service              receives, has each study processed, and forwards the result
    receiver             C-STORE and C-ECHO from scanners and archives
    arrivals             which studies are complete
    inbox                the received objects on disk
    ledger               what became of each study
    forwarder, sender    results to another application entity
    durable              files that survive a power cut
    log_privacy          no values of DICOM headers in the log
"""
