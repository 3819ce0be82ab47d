"""The distributed shell: processors over partitions of Kafka topics. Faust itself is met in `streams.app` only."""
