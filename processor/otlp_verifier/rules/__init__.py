"""The catalogue: one YAML file per rule in a folder per family, and the code that reads them.

Nobody keeps a list of the rules: `catalogue` derives it from the directory.
"""
