"""What the customer reads: a sentence for every state, as a value that is said in a language at the edge.

Not here: deciding a state, and a word for the operator. Start with `sentence.py`, then `statement.py`.
"""
