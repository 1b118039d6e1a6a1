"""An answer as a file to keep: for a spreadsheet, a program, a person. One form a file, from values to text.

Not here: what is owed (`questions`), any query or decision, and how a terminal shows it (`cli/render`).
"""
