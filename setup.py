"""Only what pyproject.toml cannot say: the native module that cffi builds."""

from setuptools import setup

setup(cffi_modules=["processor/otlp_verifier/wire/build.py:ffibuilder"])
