"""Listens to networks that are asked, and do not send by themselves: Bluesky and Mastodon."""
