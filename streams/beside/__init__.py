"""The shell over a data directory that another process has open: it is asked over a Unix socket in the directory."""
