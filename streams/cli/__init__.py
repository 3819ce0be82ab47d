"""Defines the command line `journey`; the names of commands and options are a public interface."""
