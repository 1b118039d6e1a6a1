"""Problems are found and told to people.

Not here: the words (`billing/alerts`) and the channels (`notifiers`). Start with `find_problems.py`.
"""
