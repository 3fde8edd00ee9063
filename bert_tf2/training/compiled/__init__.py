"""Steps as compiled code."""
