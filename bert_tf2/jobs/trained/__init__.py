"""The trained model that a run's directory holds, and records to look at it with: for jobs that make something of it."""
