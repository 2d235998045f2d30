"""What a function returns: reports of jobs, and predictions with their evaluation."""
