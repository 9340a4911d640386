"""The plugin in a project of its own: a Flask application with the real instrumentation, and another process."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = """
import time
import pytest
from flask import Flask
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor


@pytest.fixture
def client(otlp_receiver):
    provider = TracerProvider(resource=Resource.create({"service.name": "till"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(otlp_receiver.exporter))
    app = Flask("till")
    FlaskInstrumentor().instrument_app(app, tracer_provider=provider)

    @app.get("/checkout")
    def checkout():
        with provider.get_tracer("till.work").start_as_current_span("pay"):
            return "paid"

    @app.get("/early")
    def early():
        now = time.time_ns()
        provider.get_tracer("till.work").start_span("pay", start_time=now).end(now - 10**9)
        return "paid"

    return app.test_client()
"""

TESTS = """
from otlp_verifier.testing import assert_traces_valid

def test_good(client, otlp_receiver):
    client.get("/checkout")
    assert_traces_valid(otlp_receiver, spans_min=2)

def test_bad(client, otlp_receiver):
    client.get("/early")
    assert_traces_valid(otlp_receiver)

def test_receivers_are_apart(otlp_receiver, otlp_session_receiver):
    assert otlp_receiver.spans == otlp_session_receiver.spans == 0
    assert otlp_receiver.file != otlp_session_receiver.file
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    # By name, so that the source tree is tested whether or not it is installed.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p otlp_verifier.testing.plugin")
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    return pytester


def test_an_instrumented_application(project: pytest.Pytester) -> None:
    project.makeconftest(CONFTEST)
    project.makepyfile(TESTS)
    result = project.runpytest_subprocess("-W", "default")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*assert_traces_valid(otlp_receiver)",
            "E *TracesInvalidError: 1 finding at or above `error` in 2 spans",
            "E *span `pay` ended 1 s before it started*",
            "E *what to do*",
            "E *otlp-verifier check *telemetry.binpb -o html=traces.html",
        ]
    )
    result.stdout.no_fnmatch_line("*judging.py*")


@pytest.mark.parametrize("page", ["README.md", "docs/pytest.md"])
def test_the_example_in_the_documentation(project: pytest.Pytester, page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text()
    project.makepyfile(test_shop=re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0])
    project.runpytest_subprocess("-W", "default").assert_outcomes(passed=1)


def test_an_application_in_another_process(project: pytest.Pytester) -> None:
    """As any language's SDK is set up: by variables of the environment."""
    project.makepyfile(
        application="""
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            provider = TracerProvider()
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
            with provider.get_tracer("a").start_as_current_span("work"):
                pass
            provider.shutdown()
            """,
        test_it="""
            import os, subprocess, sys
            from otlp_verifier.testing import assert_traces_valid

            def test_it(otlp_receiver):
                elsewhere = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}
                environment = os.environ | elsewhere | otlp_receiver.environment | {"OTEL_SERVICE_NAME": "other"}
                subprocess.run([sys.executable, "application.py"], env=environment, check=True)
                otlp_receiver.wait_for_spans(1)
                assert_traces_valid(otlp_receiver)
            """,
    )
    project.runpytest_subprocess("test_it.py").assert_outcomes(passed=1)


def test_the_configuration_is_a_setting_of_pytest(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\notlp_verifier_config = rules/verifier.yaml\n")
    project.mkdir("rules").joinpath("verifier.yaml").write_text("rules: {select: [span-name-empty]}\n")
    project.makepyfile(
        """
        def test_it(otlp_receiver, pytestconfig):
            assert otlp_receiver.config == pytestconfig.rootpath / "rules" / "verifier.yaml"
        """
    )
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_projects_that_do_not_use_it_do_not_pay_for_it(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys
        def test_it():
            heavy = {"numpy", "grpc", "opentelemetry", "click", "rich", "msgspec", "cffi"}
            assert not heavy & sys.modules.keys()
        """
    )
    project.runpytest_subprocess().assert_outcomes(passed=1)


def test_without_the_sdk_the_message_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['opentelemetry.sdk.trace'] = None\n"
        "from pathlib import Path; import tempfile; from otlp_verifier.testing import Receiver\n"
        "Receiver(Path(tempfile.mkdtemp()) / 'x').exporter"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'otlp-verifier[pytest]'" in done.stderr
