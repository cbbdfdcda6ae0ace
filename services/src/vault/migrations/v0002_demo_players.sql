INSERT INTO currency (code, exponent) VALUES ('EUR', 2), ('JPY', 0), ('ETH', 18);

-- EUR 500.00, JPY 80,000, ETH 0.5
INSERT INTO stake_limit (currency, max_stake)
VALUES ('EUR', 50000), ('JPY', 80000), ('ETH', 500000000000000000);

INSERT INTO player (id) SELECT 'player-' || lpad(n::text, 4, '0') FROM generate_series(1, 50) AS n;

INSERT INTO account (kind, currency) SELECT 'house', code FROM currency;
INSERT INTO account (kind, player_id, currency)
SELECT 'player', player.id, currency.code FROM player CROSS JOIN currency ORDER BY player.id, currency.code;

-- EUR 10,000.00, JPY 1,500,000, ETH 5
INSERT INTO wallet (player_id, currency, account_id, balance)
SELECT a.player_id, a.currency, a.id, opening.balance
FROM account AS a
JOIN (VALUES ('EUR', 1000000), ('JPY', 1500000), ('ETH', 5000000000000000000)) AS opening (currency, balance)
    ON opening.currency = a.currency
WHERE a.kind = 'player';

INSERT INTO ledger_transaction
    (provider, transaction_id, request_hash, type, player_id, currency, amount, balance_after)
SELECT 'casino', format('opening:%s:%s', player_id, currency),
    sha256(convert_to(format('opening:%s:%s', player_id, currency), 'UTF8')),
    'opening', player_id, currency, balance, balance
FROM wallet;

INSERT INTO ledger_entry (ledger_transaction_id, account_id, amount)
SELECT t.id, w.account_id, t.amount FROM ledger_transaction AS t JOIN wallet AS w USING (player_id, currency)
UNION ALL
SELECT t.id, h.id, -t.amount FROM ledger_transaction AS t
JOIN account AS h ON h.kind = 'house' AND h.currency = t.currency;
