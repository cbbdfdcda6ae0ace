-- One database and one role per service; no role can enter the database of another.
-- Runs once, on an empty volume. Passwords come from the environment, so that no list of processes shows them.
\getenv vault_password VAULT_DATABASE_PASSWORD
\getenv concierge_password CONCIERGE_DATABASE_PASSWORD

CREATE ROLE vault LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'vault_password';
CREATE ROLE concierge LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'concierge_password';

-- The owner of a database owns its public schema's rights, too: migrations need no more.
CREATE DATABASE vault OWNER vault;
CREATE DATABASE concierge OWNER concierge;

REVOKE ALL ON DATABASE vault, concierge, postgres, template1 FROM PUBLIC;
