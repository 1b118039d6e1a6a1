"""Channels that bring a message to people: a webhook, e-mail. What is told, and when, is decided elsewhere."""
