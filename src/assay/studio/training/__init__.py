"""The form of a training: its fields, what it would cost, and the forms that were saved."""
