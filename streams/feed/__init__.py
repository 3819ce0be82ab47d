"""Changes of stage as a feed for applications."""
