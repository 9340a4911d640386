"""The server: a gRPC stream per collector worker, health, metrics and logs around the pipeline.

`lifecycle` starts and stops everything, `server` listens, `stream` answers
requests, `engine` lends workers, `load` counts what is in flight. Nothing here
looks at a span.
"""
