"""Serves the page: journeys in a browser, rendered on the server from the tables that analysts query."""
