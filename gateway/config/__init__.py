"""Configuration: the settings of the gateway and of its devices as checked, immutable objects."""
