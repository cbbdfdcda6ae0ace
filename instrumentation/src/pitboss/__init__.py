"""Pitboss: an OpenTelemetry distribution for online casinos."""

from importlib.metadata import version

__version__ = version("pitboss")
