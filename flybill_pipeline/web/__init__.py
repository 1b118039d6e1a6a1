"""The pages of the developer who is billed: what they owe, why, and what happens next, in a browser and as JSON.

Decides nothing and queries nothing: `questions` answers, templates show. Start with `pages.py`.
"""
