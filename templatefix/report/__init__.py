"""What an audit found, in the forms people and programs read: one `write()` a module."""
