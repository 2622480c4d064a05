"""What ``memori-instrument demo`` shows, with all that it needs to run without key or server."""
