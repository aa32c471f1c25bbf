"""Figures about speed and size; nothing here passes or fails on time."""
