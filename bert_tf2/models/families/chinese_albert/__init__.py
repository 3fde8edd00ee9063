"""The older Chinese ALBERT."""
