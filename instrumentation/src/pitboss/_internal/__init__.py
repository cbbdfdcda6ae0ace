"""Shared by the instrumentations; not for applications."""
