"""One file per change of the schema, named by its order. A landed version is never edited."""
