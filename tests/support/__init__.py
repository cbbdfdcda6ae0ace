"""What the tests across folders share: the running stack, and clients that ask its backends."""
