"""The page: journeys to look at in a browser, drawn on the server from the tables that analysts query."""
