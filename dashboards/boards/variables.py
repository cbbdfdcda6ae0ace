"""What a viewer can choose at the top of a dashboard."""

from __future__ import annotations

from .targets import MIMIR, Json


def query_variable(name: str, label: str, query: str) -> Json:
    """A multi-value choice from label values; everything is selected at first."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": MIMIR,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "regex": "",
        "options": [],
    }


ENVIRONMENT = query_variable(
    "environment", "Environment", "label_values(casino_wallet_operations_total, deployment_environment_name)"
)
