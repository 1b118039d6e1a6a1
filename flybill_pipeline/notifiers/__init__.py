"""Channels that bring a message to people: a webhook, e-mail. What is told, and when, is decided elsewhere.

A channel answers with why a message was not taken, in words without any secret, whatever the other side did: no bytes
of it make a channel raise, wait for ever or fill the memory. Start with `webhook.py`.
"""
