"""Serves HTTP ports: the listener, limits of connections, bodies and heads, and which requests are answered."""
