"""Real templates in disguise: the same chat template for a person, without any of the familiar strings."""
