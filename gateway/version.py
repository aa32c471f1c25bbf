"""The release, as objects and pages name it."""

from importlib.metadata import version

VERSION = version("imaging-gateway")
