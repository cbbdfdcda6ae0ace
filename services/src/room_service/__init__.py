"""Room-Service: socket.io to the players. Balance and rewards pushes, chat."""
