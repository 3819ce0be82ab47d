"""Connects applications to the topic `interactions`: publishers, the gateway, and the topics themselves.

Nothing here is imported by the embedded engine; kafka-python comes with the extra `kafka`.
"""
