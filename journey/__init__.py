"""The domain: evidence, stages, identity and their columnar state. No I/O, no clock, no environment."""
