-- Amounts are integers in minor units. An entry's sign is the account's view: credit +, debit -.

CREATE TABLE currency (
    code text PRIMARY KEY CHECK (code ~ '^[A-Z]{3,5}$'),
    exponent smallint NOT NULL CHECK (exponent BETWEEN 0 AND 36)
);

CREATE TABLE player (
    id text PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$'),
    -- Number of the player's last ledger transaction; its row lock makes a player's money one queue.
    sequence bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('player', 'house')),
    player_id text REFERENCES player,
    currency text NOT NULL REFERENCES currency,
    CHECK ((kind = 'player') = (player_id IS NOT NULL)),
    UNIQUE NULLS NOT DISTINCT (kind, player_id, currency)
);

CREATE TABLE wallet (
    player_id text NOT NULL REFERENCES player,
    currency text NOT NULL REFERENCES currency,
    account_id bigint NOT NULL UNIQUE REFERENCES account,
    -- Kept beside the entries for the bet's check; always their sum.
    balance numeric(38, 0) NOT NULL DEFAULT 0 CHECK (balance >= 0),
    PRIMARY KEY (player_id, currency)
) WITH (fillfactor = 70);

CREATE TABLE stake_limit (
    currency text PRIMARY KEY REFERENCES currency,
    max_stake numeric(38, 0) NOT NULL CHECK (max_stake > 0)
);

CREATE TABLE ledger_transaction (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    transaction_id text NOT NULL,
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    type text NOT NULL CHECK (type IN ('opening', 'bet', 'win')),
    player_id text NOT NULL REFERENCES player,
    -- None for the opening balance, which no event tells of.
    player_sequence bigint CHECK (player_sequence > 0),
    round_id text,
    game_id text,
    currency text NOT NULL REFERENCES currency,
    amount numeric(38, 0) NOT NULL CHECK (amount >= 0),
    balance_after numeric(38, 0) NOT NULL CHECK (balance_after >= 0),
    event_id uuid UNIQUE,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    database_transaction xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CHECK ((type = 'opening') = (player_sequence IS NULL)),
    CHECK ((type = 'opening') = (event_id IS NULL)),
    UNIQUE (provider, transaction_id),
    UNIQUE (player_id, player_sequence)
);
CREATE INDEX ledger_transaction_history ON ledger_transaction (player_id, currency, id DESC);

CREATE TABLE ledger_entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ledger_transaction_id bigint NOT NULL REFERENCES ledger_transaction,
    account_id bigint NOT NULL REFERENCES account,
    amount numeric(38, 0) NOT NULL
);
CREATE INDEX ledger_entry_transaction ON ledger_entry (ledger_transaction_id);
CREATE INDEX ledger_entry_account ON ledger_entry (account_id);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % of % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_transaction
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON ledger_transaction
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_truncated BEFORE TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- At commit: each transaction's entries balance. Of one transaction all entries are in one currency.
CREATE FUNCTION check_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM ledger_entry e JOIN account a ON a.id = e.account_id
    WHERE e.ledger_transaction_id = NEW.id
    HAVING count(*) >= 2 AND sum(e.amount) = 0 AND bool_and(a.currency = NEW.currency);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger transaction % is not balanced', NEW.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger_transaction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_balanced();

-- An entry is written with its transaction, never added to an older one, which was checked already.
CREATE FUNCTION check_same_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM ledger_transaction t
    WHERE t.id = NEW.ledger_transaction_id AND t.database_transaction = pg_current_xact_id();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ledger transaction % is closed', NEW.ledger_transaction_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER same_transaction AFTER INSERT ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION check_same_transaction();
