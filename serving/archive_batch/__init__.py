"""Every study of an archive through one model, on Ray Data, resumable.

Its parts:

    batch                     the whole run and its progress
    ray_engine, ray_source    Ray's processes; the studies as their input
    studies                   where the studies of an archive lie
    worker                    segments one study after another
    ledger                    which studies are done
"""
