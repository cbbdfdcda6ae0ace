"""Every expression of the dashboards. Metric names: services/src/casino/metrics.py, with Mimir's suffixes.

Rates are over `$__rate_interval`; money in `{USD}` is for rates only, exact money is in the ledgers.
"""

from __future__ import annotations

from .targets import LogQL, PromQL, TraceQL

ENVIRONMENT = 'deployment_environment_name=~"$environment"'


def rate(metric: str, by: str = "", **equal: str) -> str:
    """Sum of a counter's rate per second, `by` labels, for series whose labels `equal` the given values."""
    matchers = ",".join([ENVIRONMENT, *(f'{label}="{value}"' for label, value in equal.items())])
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate({metric}{{{matchers}}}[$__rate_interval]))"


def quantile(q: float, histogram: str, by: str = "", **equal: str) -> str:
    """A quantile of a classic histogram; `histogram` without `_bucket`."""
    labels = ", ".join(filter(None, ["le", by]))
    return f"histogram_quantile({q}, {rate(f'{histogram}_bucket', labels, **equal)})"


def gauge(metric: str, by: str, how: str = "max") -> str:
    """A gauge of the last minute, so that a process that is gone does not linger for five."""
    return f"{how} by ({by}) (last_over_time({metric}{{{ENVIRONMENT}}}[1m]))"


OPERATIONS = "casino_wallet_operations_total"
LATENCY = "casino_wallet_operation_duration_seconds"
LAG = "casino_rewards_event_lag_seconds"
PUSH = "casino_realtime_delivery_latency_seconds"

SERVICES_UP = PromQL("min by (service) (last_over_time(httpcheck_status[1m]))", "{{service}}")

BETS = PromQL(rate(OPERATIONS, operation="bet", outcome="ok"), "bets accepted", exemplars=True)
BETS_BY_OUTCOME = PromQL(rate(OPERATIONS, "outcome", operation="bet"), "{{outcome}}", exemplars=True)
STAKE = PromQL(rate("casino_bet_stake_total"), "stake")
PAYOUT = PromQL(rate("casino_bet_payout_total"), "payout")
REJECTED = PromQL(rate("casino_bet_rejected_total", "reason"), "{{reason}}", exemplars=True)
REPLAYS = PromQL(rate("casino_wallet_replay_total"), "answered from the ledger")
CONFLICTS = PromQL(rate("casino_wallet_idempotency_conflict_total"), "same id, other body")

BET_P95 = PromQL(quantile(0.95, LATENCY, operation="bet"), "p95", exemplars=True)
LATENCIES = (
    PromQL(quantile(0.5, LATENCY, "operation"), "{{operation}} p50"),
    PromQL(quantile(0.95, LATENCY, "operation"), "{{operation}} p95", exemplars=True),
    PromQL(quantile(0.99, LATENCY, "operation"), "{{operation}} p99"),
)

REWARDS = PromQL(rate("casino_rewards_events_total", "result"), "{{result}}")
LEVEL_UPS = PromQL(rate("casino_rewards_level_ups_total"), "level-ups")
REWARDS_LAG = PromQL(quantile(0.95, LAG), "p95", exemplars=True)
REWARDS_LAG_BY_TYPE = PromQL(quantile(0.95, LAG, "type"), "{{type}} p95", exemplars=True)

PUSHES = PromQL(rate("casino_realtime_publish_total", "event, outcome"), "{{event}} {{outcome}}")
PUSH_LATENCY = PromQL(quantile(0.95, PUSH, "event"), "{{event}} p95", exemplars=True)
SOCKETS = PromQL(gauge("casino_realtime_connections", "transport", "sum"), "{{transport}}")
SOCKETS_NOW = PromQL(gauge("casino_realtime_connections", "service_name", "sum"), "sockets")
CHAT = PromQL(rate("casino_chat_messages_total", "outcome"), "chat {{outcome}}")

OUTBOX_PENDING = PromQL(gauge("casino_outbox_pending", "service_name"), "{{service_name}}")
OLDEST_EVENT = PromQL(f"max(last_over_time(casino_outbox_age_max_seconds{{{ENVIRONMENT}}}[1m]))", "oldest")
OUTBOX_AGE = PromQL(gauge("casino_outbox_age_max_seconds", "service_name"), "{{service_name}}")

ERROR_LOGS = LogQL(f'{{service_name=~".+", level=~"error|fatal", {ENVIRONMENT}}}')
BET_TRACES = TraceQL('{ resource.service.name = "vault" && kind = server && name = "POST /wallet/bet" }')
FAILED_TRACES = TraceQL('{ resource.service.namespace = "casino" && status = error }')
