"""Runs docker-compose.yml in containers, or natively where there is no container engine."""
