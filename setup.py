"""Only what pyproject.toml cannot say: the native module that cffi builds, and the kernels that numba compiles."""

import runpy

from setuptools import setup

kernels = runpy.run_path("processor/otlp_verifier/kernels/build.py")

setup(
    cffi_modules=["processor/otlp_verifier/wire/build.py:ffibuilder"],
    ext_modules=[kernels["extension"]()],
    cmdclass={"build_ext": kernels["BuildKernels"]},
)
