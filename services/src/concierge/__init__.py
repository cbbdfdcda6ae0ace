"""Concierge: turns accepted bets into volume, VIP points and tiers, each bet exactly once."""
