"""Casino now: is the casino open, are bets taken, do players see it? For whoever is on duty."""

from __future__ import annotations

from . import queries, variables
from .dashboard import Dashboard
from .panels import Unit, alerts, course, log_lines, number, thresholds, trace_list, up_or_down

SLOW_BET = thresholds((None, "green"), (0.3, "orange"), (1, "red"))
LATE_REWARD = thresholds((None, "green"), (30, "orange"), (60, "red"))
OLD_EVENT = thresholds((None, "green"), (10, "orange"), (60, "red"))

CASINO_NOW = Dashboard(
    uid="casino-now",
    title="Casino now",
    description="Is the casino open, are bets taken and paid, do players see it? Dots lead to traces.",
    tags=("casino",),
    variables=(variables.ENVIRONMENT,),
    rows=(
        (
            up_or_down(1, "Services up", "What the collector gets from /liveness", queries.SERVICES_UP),
            alerts(2, "Alerts", "Pending and firing"),
        ),
        (
            number(3, "Bets", "Accepted, replays not counted", queries.BETS, unit=Unit.PER_SECOND),
            number(
                4, "Stake", "USD per second, at booking rate", queries.STAKE, unit=Unit.DOLLARS_PER_SECOND
            ),
            number(
                5,
                "Bet p95",
                "Providers give up after 3 s",
                queries.BET_P95,
                unit=Unit.SECONDS,
                limits=SLOW_BET,
            ),
            number(
                6,
                "Rewards lag p95",
                "From the ledger to the points",
                queries.REWARDS_LAG,
                unit=Unit.SECONDS,
                limits=LATE_REWARD,
            ),
            number(7, "Sockets", "Open socket.io connections", queries.SOCKETS_NOW, unit=Unit.COUNT),
            number(
                8,
                "Oldest unpublished event",
                "Worst outbox",
                queries.OLDEST_EVENT,
                unit=Unit.SECONDS,
                limits=OLD_EVENT,
            ),
        ),
        (
            course(
                9,
                "Bets by outcome",
                "Rejected is a correct answer; error is not",
                queries.BETS_BY_OUTCOME,
                unit=Unit.PER_SECOND,
                stacked=True,
            ),
            course(
                10,
                "Stake and payout",
                "USD per second at booking rate; exact money is in the ledger",
                queries.STAKE,
                queries.PAYOUT,
                unit=Unit.DOLLARS_PER_SECOND,
            ),
        ),
        (
            course(
                11,
                "Vault latency",
                "From request to answer, by operation",
                *queries.LATENCIES,
                unit=Unit.SECONDS,
            ),
            course(
                12,
                "Rejections by reason",
                "Bets that a rule refused, and ids that came again",
                queries.REJECTED,
                queries.REPLAYS,
                queries.CONFLICTS,
                unit=Unit.PER_SECOND,
                stacked=True,
            ),
        ),
        (
            course(
                13,
                "Rewards",
                "Events by result",
                queries.REWARDS,
                queries.LEVEL_UPS,
                unit=Unit.PER_SECOND,
            ),
            course(
                14,
                "Rewards lag",
                "From the ledger entry to the points",
                queries.REWARDS_LAG_BY_TYPE,
                unit=Unit.SECONDS,
            ),
        ),
        (
            course(
                15,
                "Push latency",
                "From the ledger entry to the push to the browser",
                queries.PUSH_LATENCY,
                unit=Unit.SECONDS,
            ),
            course(
                16,
                "Pushes and chat",
                "no_socket: the player has no browser open",
                queries.PUSHES,
                queries.CHAT,
                unit=Unit.PER_SECOND,
            ),
        ),
        (
            course(17, "Sockets", "Open connections by transport", queries.SOCKETS, unit=Unit.COUNT, width=8),
            course(
                18,
                "Outbox: events waiting",
                "Not yet in Kafka",
                queries.OUTBOX_PENDING,
                unit=Unit.COUNT,
                width=8,
            ),
            course(
                19,
                "Outbox: age of the oldest",
                "Rises while Kafka is away",
                queries.OUTBOX_AGE,
                unit=Unit.SECONDS,
                width=8,
            ),
        ),
        (
            trace_list(20, "Recent bets", "One trace from the bet to the browser", queries.BET_TRACES),
            trace_list(21, "Recent failures", "Traces with an error", queries.FAILED_TRACES),
        ),
        (log_lines(22, "Recent errors", "Log lines of level error and fatal", queries.ERROR_LOGS),),
    ),
)
