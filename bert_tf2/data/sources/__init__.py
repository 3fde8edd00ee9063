"""Any file into rows: tables, JSON, text; knows no task."""
