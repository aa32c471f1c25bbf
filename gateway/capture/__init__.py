"""Devices to bytes, and bytes to frames: sources that read one device each, and pure readers of picture files."""
