"""A DICOM receiver that makes a result of each study it is sent, and sends it on.

Its parts:

    service, options     receives, has each study processed, and forwards the result
    receiver             C-STORE and C-ECHO from scanners and archives
    association_server   the server behind it
    connections          which connections may stay open
    arrivals             which studies are complete
    receptions           which may lack images, as an association was not released
    inbox                the received objects on disk
    worker               makes the results
    passing_faults       which faults are the machine's, so that a study waits
    ledger               what became of each study
    forwarder, sender    results to another application entity
    durable              files that survive a power cut
    log_privacy          no values of DICOM headers in the log
"""
