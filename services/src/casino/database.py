"""PostgreSQL: the pool of a service, its migrations, its health check."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, LiteralString, TypeVar, cast

import psycopg
import sqlalchemy
import sqlalchemy.exc
import structlog
from alembic import command
from alembic.config import Config
from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

log = structlog.get_logger()

T = TypeVar("T")
Connection = AsyncConnection[TupleRow]

# What means "try again later": the server is away, restarts, or a lock or statement took too long.
OUTAGES = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed, TooManyRequests)

# One number for all services: each has a database of its own.
MIGRATION_LOCK = 0x70_69_74_62  # "pitb"

SESSION_OPTIONS = " ".join(
    (
        "-c statement_timeout=5000",
        "-c lock_timeout=3000",
        "-c idle_in_transaction_session_timeout=10000",
        "-c timezone=UTC",
    )
)
# A server that vanished without a word (a cut cable, a lost node) is noticed within seconds.
KEEPALIVE: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
POOL_TIMEOUT_SECONDS = 2.0
CHECK_TIMEOUT_SECONDS = 0.9


class _ConnectionLostError(psycopg.OperationalError):
    """The server closed the connection under the work."""


class Database:
    """The pool of one service. Open it in the lifespan; requests get connections from `run`."""

    def __init__(self, dsn: str, application: str, size: int = 10) -> None:
        self._dsn = dsn
        self._application = application
        self._size = size
        self.pool = self._make_pool()

    def _make_pool(self) -> AsyncConnectionPool[Connection]:
        return AsyncConnectionPool(
            self._dsn,
            min_size=min(2, self._size),
            max_size=self._size,
            timeout=POOL_TIMEOUT_SECONDS,
            # Then the next request tries anew; within it psycopg waits up to 16 s between attempts.
            reconnect_timeout=5.0,
            open=False,
            name=self._application,
            kwargs={
                "application_name": self._application,
                "options": SESSION_OPTIONS,
                "connect_timeout": 3,
                **KEEPALIVE,
            },
        )

    async def open(self) -> None:
        """Connect.

        Raises:
            PoolTimeout: the server does not answer; call it again.
        """
        try:
            await self.pool.open(wait=True, timeout=POOL_TIMEOUT_SECONDS)
        except PoolTimeout:
            self.pool = self._make_pool()  # psycopg closes a pool that didn't fill, for good
            raise

    async def close(self) -> None:
        """Give all connections back."""
        await self.pool.close(timeout=2.0)

    async def run(self, work: Callable[[Connection], Awaitable[T]], wait: float | None = None) -> T:
        """Do `work` in one transaction: committed when it returns, rolled back when it raises.

        `wait`: seconds to wait for a connection, the pool's when left out.

        A connection that the server had closed meanwhile is replaced and the work done once more; so
        `work` must be repeatable, which it is when it reads only or is idempotent by a transaction id.
        """
        try:
            return await self._once(work, wait)
        except _ConnectionLostError:
            await self.pool.check()
            return await self._once(work, wait)

    async def _once(self, work: Callable[[Connection], Awaitable[T]], wait: float | None) -> T:
        async with self.pool.connection(wait) as connection:
            try:
                async with connection.transaction():
                    return await work(connection)
            except psycopg.OperationalError as error:
                if connection.closed:
                    raise _ConnectionLostError(str(error)) from error
                raise

    async def check(self) -> None:
        """Health check: `SELECT 1` over the pool, without telemetry.

        Raises:
            psycopg.Error | PoolTimeout: the database does not answer.
        """

        async def ask(connection: Connection) -> None:
            await connection.execute("SELECT 1")

        with suppress_instrumentation():
            await self.run(ask, CHECK_TIMEOUT_SECONDS)


def migrate(dsn: str, versions: Path) -> None:
    """Bring the schema up to date, in one transaction, one process at a time.

    Args:
        dsn: libpq URL of the service's database.
        versions: the service's folder of alembic versions.

    Raises:
        psycopg.OperationalError: the server does not answer (wrapped as SQLAlchemy does: see `unwrap`).
    """
    url = sqlalchemy.make_url(dsn).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(
        url,
        poolclass=sqlalchemy.NullPool,
        connect_args={"connect_timeout": 3, "application_name": "migrations"},
    )
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(versions))
    with suppress_instrumentation():
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except sqlalchemy.exc.OperationalError as error:
            raise unwrap(error) from error
        finally:
            engine.dispose()


def unwrap(error: sqlalchemy.exc.OperationalError) -> Exception:
    """Give psycopg's own exception back, so that callers know one kind only."""
    return error.orig if isinstance(error.orig, Exception) else error


def run_sql_file(bind: Any, path: Path) -> None:
    """Run a file of SQL statements in a migration; `bind` is `op.get_bind()`. It takes no parameters."""
    bind.connection.driver_connection.execute(cast(LiteralString, path.read_text()))
