"""The laws of the design, held by a simulation: the real processors over a store and a log in memory."""
