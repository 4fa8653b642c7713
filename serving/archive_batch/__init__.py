"""Every study of an archive through one model, on Ray Data, resumable."""
