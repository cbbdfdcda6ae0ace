"""All instruments of the casino's services, declared once.

Names, units and attribute sets follow the domain catalogue; attribute values come from closed sets and
never name a player. `{USD}` is money in the reporting currency at booking rate: for rates on dashboards
only, exact money is read from the ledger.
"""

from collections.abc import Callable, Iterable

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

meter = metrics.get_meter("casino")

# Seconds. Providers give up after 3 to 10 s, the answer budget is 0.3 s typical and 1 s hard.
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 5, 10)
LAG_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)

wallet_operations = meter.create_counter(
    "casino.wallet.operations", "{operation}", "Wallet operations by outcome: ok, replayed, rejected, error"
)
wallet_operation_duration = meter.create_histogram(
    "casino.wallet.operation.duration",
    "s",
    "Time from request to answer of a wallet operation",
    explicit_bucket_boundaries_advisory=LATENCY_BUCKETS,
)
bet_stake = meter.create_counter("casino.bet.stake", "{USD}", "Stakes accepted, at booking rate")
bet_payout = meter.create_counter("casino.bet.payout", "{USD}", "Wins paid, at booking rate")
bet_rejected = meter.create_counter("casino.bet.rejected", "{bet}", "Bets refused by a rule, by reason")
wallet_replay = meter.create_counter(
    "casino.wallet.replay",
    "{operation}",
    "Operations answered from the ledger because they were applied before",
)
wallet_idempotency_conflict = meter.create_counter(
    "casino.wallet.idempotency.conflict", "{operation}", "Transaction ids that came again with another body"
)
problems = meter.create_counter(
    "casino.problems", "{problem}", "Problem details answered, by code and reason"
)

consumer_rejected = meter.create_counter(
    "casino.consumer.rejected",
    "{message}",
    "Messages from Kafka given up, by consumer group, topic and reason",
)

rewards_events = meter.create_counter(
    "casino.rewards.events", "{event}", "Events by result: applied, duplicate, rejected, dead_letter"
)
rewards_event_lag = meter.create_histogram(
    "casino.rewards.event.lag",
    "s",
    "Time from the ledger entry to its effect on rewards",
    explicit_bucket_boundaries_advisory=LAG_BUCKETS,
)
rewards_volume = meter.create_counter(
    "casino.rewards.volume", "{USD}", "Wagering volume counted, at booking rate"
)
rewards_points = meter.create_counter(
    "casino.rewards.points", "{point}", "Points given, by programme and cause"
)
rewards_level_ups = meter.create_counter("casino.rewards.level_ups", "{event}", "Tier changes upward")

realtime_connections = meter.create_up_down_counter(
    "casino.realtime.connections", "{connection}", "Open socket.io connections by transport"
)
realtime_publish = meter.create_counter(
    "casino.realtime.publish",
    "{message}",
    "Pushes by event and outcome: delivered, no_socket, dropped, error",
)
realtime_delivery_latency = meter.create_histogram(
    "casino.realtime.delivery.latency",
    "s",
    "Time from the source's event to its push",
    explicit_bucket_boundaries_advisory=LAG_BUCKETS,
)
chat_messages = meter.create_counter("casino.chat.messages", "{message}", "Chat messages by room and outcome")
session_active = meter.create_up_down_counter("casino.session.active", "{session}", "Sessions by channel")

Reading = Callable[[], Iterable[Observation]]
_pending_readings: list[Reading] = []
_age_readings: list[Reading] = []


def _observe_pending(_: CallbackOptions) -> Iterable[Observation]:
    return [observation for reading in list(_pending_readings) for observation in reading()]


def _observe_age(_: CallbackOptions) -> Iterable[Observation]:
    return [observation for reading in list(_age_readings) for observation in reading()]


outbox_pending = meter.create_observable_gauge(
    "casino.outbox.pending",
    [_observe_pending],
    "{event}",
    "Events written but not yet acknowledged by Kafka; every node sees the same number, so take the maximum",
)
outbox_age_max = meter.create_observable_gauge(
    "casino.outbox.age.max", [_observe_age], "s", "Age of the oldest event that is not yet acknowledged"
)


def watch_outbox(pending: Reading, age: Reading) -> Callable[[], None]:
    """Report an outbox from now on; returns the function that ends it."""
    _pending_readings.append(pending)
    _age_readings.append(age)

    def forget() -> None:
        _pending_readings.remove(pending)
        _age_readings.remove(age)

    return forget
