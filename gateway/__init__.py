"""A headless gateway that gives imaging devices without DICOM a safe way into the PACS."""
