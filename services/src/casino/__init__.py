"""What Vault, Concierge and Room-Service share: money, events, problems, outbox, life cycle."""
