"""Floor 3: one file per kind of task; a task owns its record features, head, loss, metrics and outputs."""
