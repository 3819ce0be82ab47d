"""Lists, shows, replays and drops dead letters: events that were refused."""
