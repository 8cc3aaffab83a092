"""What one does with a trained model. Each task is a function of a `Run`, and a command."""
