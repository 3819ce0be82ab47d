"""The command line: `journey`. Names of commands and options are a public interface."""
