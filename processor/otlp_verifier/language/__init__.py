"""The rule language: text to syntax tree, typed graph and bytecode.

`parser` reads text, `syntax` holds the tree, `paths` says what each name means,
`lower` turns a tree into a typed graph, `graph` shares equal expressions over all
rules, `emit` allots registers and writes the program that the machine runs.
"""
