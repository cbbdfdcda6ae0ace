"""The native engine: runs the services of the compose file as processes of this machine."""
