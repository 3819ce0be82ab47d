"""Runs the processors as distributed workers over partitions of Kafka topics; only `streams.app` touches Faust's app."""
