"""FOCUS 1.4, the format of FinOps tools: what was billed in a month as its four datasets.

Start with `datasets.py`. What each column holds, and why: `docs/focus.md`. What was billed: `questions.billed`.
"""
