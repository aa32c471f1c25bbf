"""Associations with DICOM peers: C-ECHO, C-STORE and C-FIND over TLS or plain, each fault classified at this edge."""
