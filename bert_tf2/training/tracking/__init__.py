"""Services that keep what was trained, one file each, behind one interface."""
