"""The world outside the casino: players who bet and chat, and the inbox that alerts are sent to."""
