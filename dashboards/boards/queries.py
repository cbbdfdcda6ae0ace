"""Every expression of the dashboards. Metric names: services/src/casino/metrics.py, with Mimir's suffixes.

Money in `{USD}` is for rates only, exact money is in the ledgers. Courses are over `$__rate_interval`. What
is read as "now" is over the last minute and is 0 or nothing, never the last value of a service that is gone.
"""

from __future__ import annotations

from .targets import LogQL, PromQL, TraceQL

ENVIRONMENT = 'deployment_environment_name=~"$environment"'


RECENT = "$__rate_interval"
NOW = "1m"


def rate(metric: str, by: str = "", *, over: str = RECENT, **equal: str) -> str:
    """Sum of a counter's rate per second, `by` labels, for series whose labels `equal` the given values."""
    matchers = ",".join([ENVIRONMENT, *(f'{label}="{value}"' for label, value in equal.items())])
    grouping = f" by ({by})" if by else ""
    return f"sum{grouping} (rate({metric}{{{matchers}}}[{over}]))"


def or_zero(expr: str) -> str:
    """0 where nothing was counted yet, or nobody counts any more; for expressions without labels."""
    return f"{expr} or vector(0)"


def quantile(q: float, histogram: str, by: str = "", *, over: str = RECENT, **equal: str) -> str:
    """A quantile of a classic histogram; `histogram` without `_bucket`. Nothing, not NaN, for no events."""
    labels = ", ".join(filter(None, ["le", by]))
    return f"histogram_quantile({q}, {rate(f'{histogram}_bucket', labels, over=over, **equal)}) >= 0"


def gauge(metric: str, by: str, how: str = "max") -> str:
    """A gauge of the last minute, so that a process that is gone does not linger for five."""
    return f"{how} by ({by}) (last_over_time({metric}{{{ENVIRONMENT}}}[1m]))"


OPERATIONS = "casino_wallet_operations_total"
LATENCY = "casino_wallet_operation_duration_seconds"
LAG = "casino_rewards_event_lag_seconds"
PUSH = "casino_realtime_delivery_latency_seconds"

UP = "last_over_time(httpcheck_status[1m])"
SERVICES_UP = PromQL(f"min by (service) ({UP})", "{{service}}")


def casino_state() -> str:
    """2 open, 1 impaired, 0 closed, nothing when nobody looks: the worst of three judgements.

    Vault: its process answers. Services: all of them do. Bets: none fails (2), some fail (1), all fail (0);
    `/liveness` alone says open while the database is away.
    """
    bets = f'{OPERATIONS}{{{ENVIRONMENT},operation="bet",outcome%s"error"}}[{NOW}]'
    failing = f"(sum(rate({bets % '='})) > bool 0)"
    none_passes = f"((sum(rate({bets % '!='})) or vector(0)) == bool 0)"
    judgements = {
        "vault": '2 * min(last_over_time(httpcheck_status{service="vault"}[1m]))',
        "services": f"1 + min({UP})",
        "bets": f"2 - {failing} - {failing} * {none_passes}",
    }
    return (
        "min("
        + " or ".join(f'label_replace({j}, "of", "{of}", "", "")' for of, j in judgements.items())
        + ")"
    )


CASINO_STATE = PromQL(casino_state(), "casino", instant=True)

BETS = PromQL(
    or_zero(rate(OPERATIONS, over=NOW, operation="bet", outcome="ok")), "bets accepted", instant=True
)
STAKE_NOW = PromQL(or_zero(rate("casino_bet_stake_total", over=NOW)), "stake", instant=True)
BET_P95 = PromQL(quantile(0.95, LATENCY, over=NOW, operation="bet"), "p95", instant=True)
REWARDS_LAG = PromQL(quantile(0.95, LAG, over=NOW), "p95", instant=True)
SOCKETS_NOW = PromQL(
    or_zero(f"sum(last_over_time(casino_realtime_connections{{{ENVIRONMENT}}}[{NOW}]))"),
    "sockets",
    instant=True,
)
OLDEST_EVENT = PromQL(
    f"max(last_over_time(casino_outbox_age_max_seconds{{{ENVIRONMENT}}}[{NOW}]))", "oldest", instant=True
)

# No exemplars on rates: Grafana draws a dot at the exemplar's own value, which for a counter is always 1.
BETS_BY_OUTCOME = PromQL(rate(OPERATIONS, "outcome", operation="bet"), "{{outcome}}")
STAKE = PromQL(rate("casino_bet_stake_total"), "stake")
PAYOUT = PromQL(rate("casino_bet_payout_total"), "payout")
REJECTED = PromQL(rate("casino_bet_rejected_total", "reason"), "{{reason}}")
REPLAYS = PromQL(or_zero(rate("casino_wallet_replay_total")), "repeated, answered from the ledger")
CONFLICTS = PromQL(or_zero(rate("casino_wallet_idempotency_conflict_total")), "same id, other body")

BET_LATENCIES = (
    PromQL(quantile(0.5, LATENCY, operation="bet"), "bet p50"),
    PromQL(quantile(0.95, LATENCY, operation="bet"), "bet p95", exemplars=True),
    PromQL(quantile(0.99, LATENCY, operation="bet"), "bet p99"),
    PromQL(quantile(0.95, LATENCY, operation="win"), "win p95", exemplars=True),
    PromQL(quantile(0.95, LATENCY, operation="balance"), "balance p95"),
)

REWARDS = PromQL(rate("casino_rewards_events_total", "result"), "{{result}}")
LEVEL_UPS = PromQL(rate("casino_rewards_level_ups_total"), "level-ups")
REWARDS_LAG_BY_TYPE = PromQL(quantile(0.95, LAG, "type"), "{{type}} p95", exemplars=True)

PUSHES = PromQL(rate("casino_realtime_publish_total", "event, outcome"), "push {{event}}: {{outcome}}")
PUSH_LATENCY = PromQL(quantile(0.95, PUSH, "event"), "{{event}} p95", exemplars=True)
SOCKETS = PromQL(gauge("casino_realtime_connections", "transport", "sum"), "{{transport}}")
CHAT = PromQL(rate("casino_chat_messages_total", "outcome"), "chat from players: {{outcome}}")

OUTBOX_PENDING = PromQL(gauge("casino_outbox_pending", "service_name"), "{{service_name}}")
OUTBOX_AGE = PromQL(gauge("casino_outbox_age_max_seconds", "service_name"), "{{service_name}}")

ERROR_LOGS = LogQL(f'{{service_name=~".+", level=~"error|fatal", {ENVIRONMENT}}}')
BET_TRACES = TraceQL('{ resource.service.name = "vault" && kind = server && name = "POST /wallet/bet" }')
# Not the players' own spans: a refused bet is an error to the browser and a correct answer of the casino.
FAILED_TRACES = TraceQL('{ resource.service.name =~ "vault|concierge|room-service" && status = error }')
