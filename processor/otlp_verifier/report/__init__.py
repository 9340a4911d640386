"""Reports: one model, and a file for each format that it is written in.

`collect` makes a Report of a check's parts, in bounded memory; `kinds` says what of
a finding stays from run to run, `baseline` keeps that in a file. The formats read
the Report alone: `terminal` for people at a desk, `html_page` for people in a
browser, `json_document` for programs, `junit`, `sarif` and `github` for CI systems.
"""
