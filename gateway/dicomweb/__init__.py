"""DICOMweb towards archives: STOW-RS over HTTPS, and the QIDO-RS query that proves what it stored."""
