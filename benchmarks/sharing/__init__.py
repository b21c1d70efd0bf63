"""Whether tasks of real sets should share a network: transfer, affinity, grouping and conflict, measured and shown."""
