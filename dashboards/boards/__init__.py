"""Dashboards as code: queries, variables and panels apart, put together per dashboard."""
