"""Skeletons of what others add to the commands."""
