"""The spike detector against other methods: real series with labels, and simulated ones with injected spikes."""
