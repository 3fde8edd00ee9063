"""What all jobs that train share."""
