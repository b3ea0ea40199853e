"""MLflow, which records what happened and decides nothing."""
