"""What a training tells: while it lasts, in its history, and in the files that it leaves."""
