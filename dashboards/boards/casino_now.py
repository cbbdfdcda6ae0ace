"""Casino now: is the casino open, are bets taken, do players see it? For whoever is on duty."""

from __future__ import annotations

from . import queries, variables
from .dashboard import Dashboard, address, tagged
from .panels import Unit, alerts, course, log_lines, number, state, thresholds, trace_list, up_or_down

SLOW_BET = thresholds((None, "green"), (0.3, "orange"), (1, "red"))
LATE_REWARD = thresholds((None, "green"), (30, "orange"), (60, "red"))
OLD_EVENT = thresholds((None, "green"), (10, "orange"), (60, "red"))

STATES = {2: ("OPEN", "green"), 1: ("IMPAIRED", "orange"), 0: ("CLOSED", "red")}
OUTCOMES = {"ok": "green", "replayed": "blue", "rejected": "yellow", "error": "red"}
RESULTS = {
    "applied": "green",
    "duplicate": "blue",
    "rejected": "yellow",
    "dead_letter": "red",
    "level-ups": "purple",
}
SERVICE_GRAPH = (
    '/explore?orgId=1&left={"datasource":"tempo","queries":[{"refId":"A","queryType":"serviceMap"}],'
    '"range":{"from":"now-15m","to":"now"}}'
)

CASINO_NOW = Dashboard(
    uid="casino-now",
    title="Casino now",
    description="Is the casino open, are bets taken and paid, do players see it? Dots lead to traces.",
    tags=("casino",),
    variables=(variables.ENVIRONMENT,),
    links=(
        address("Service graph", "Who calls whom, how often, how fast", SERVICE_GRAPH),
        address("Alert rules", "State and history of each rule", "/alerting/list"),
        tagged("Runbooks", "runbook"),
    ),
    rows=(
        (
            state(
                23,
                "Casino",
                "OPEN: every service answers, no bet fails. IMPAIRED: a service is down or some bets fail. "
                "CLOSED: Vault is down, or all bets of the last minute fail. "
                "UNKNOWN: nobody looks, see the collector.",
                queries.CASINO_STATE,
                STATES,
            ),
            up_or_down(
                1,
                "Services up",
                "What the collector gets from /liveness, every 5 s. A gap: nobody asks",
                queries.SERVICES_UP,
            ),
            alerts(2, "Alerts", "Pending and firing; empty is good"),
        ),
        (
            number(
                3,
                "Bets",
                "Accepted in the last minute, repeats not counted",
                queries.BETS,
                unit=Unit.BETS_PER_SECOND,
            ),
            number(
                4,
                "Stake",
                "Accepted in the last minute, at booking rate",
                queries.STAKE_NOW,
                unit=Unit.DOLLARS_PER_SECOND,
            ),
            number(
                5,
                "Bet latency p95",
                "Of the last minute. Promised: 0.3 s; providers give up after 3 s",
                queries.BET_P95,
                unit=Unit.SECONDS,
                limits=SLOW_BET,
            ),
            number(
                6,
                "Rewards lag p95",
                "Of the last minute, from the ledger to the points",
                queries.REWARDS_LAG,
                unit=Unit.SECONDS,
                limits=LATE_REWARD,
            ),
            number(7, "Sockets", "Open socket.io connections", queries.SOCKETS_NOW, unit=Unit.COUNT),
            number(
                8,
                "Oldest unpublished event",
                "Age in the worst outbox; 0 is good, rises while Kafka is away",
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
                unit=Unit.BETS_PER_SECOND,
                stacked=True,
                colors=OUTCOMES,
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
                "From request to answer. A dot is a request: it leads to its trace. Lines: promised, late",
                *queries.BET_LATENCIES,
                unit=Unit.SECONDS,
                limits=SLOW_BET,
            ),
            course(
                12,
                "Rejections by reason",
                "Bets that a rule refused, and ids that came again",
                queries.REJECTED,
                queries.REPLAYS,
                queries.CONFLICTS,
                unit=Unit.BETS_PER_SECOND,
                stacked=True,
            ),
        ),
        (
            course(
                13,
                "Rewards",
                "Ledger events by result. duplicate is harmless, dead_letter is not",
                queries.REWARDS,
                queries.LEVEL_UPS,
                unit=Unit.EVENTS_PER_SECOND,
                colors=RESULTS,
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
                unit=Unit.MESSAGES_PER_SECOND,
            ),
        ),
        (
            course(
                17,
                "Sockets by transport",
                "Open socket.io connections",
                queries.SOCKETS,
                unit=Unit.COUNT,
                width=8,
            ),
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
            trace_list(
                21,
                "Recent failures",
                "Traces in which a service failed; empty is good. A refused bet is no failure",
                queries.FAILED_TRACES,
            ),
        ),
        (
            log_lines(
                22,
                "Recent errors",
                "Log lines of level error and fatal; empty is good. Open a line for the link to its trace",
                queries.ERROR_LOGS,
            ),
        ),
    ),
)
