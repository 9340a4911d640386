from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Signal(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNAL_UNSPECIFIED: _ClassVar[Signal]
    SIGNAL_TRACES: _ClassVar[Signal]
    SIGNAL_METRICS: _ClassVar[Signal]
    SIGNAL_LOGS: _ClassVar[Signal]

class Completeness(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPLETENESS_UNSPECIFIED: _ClassVar[Completeness]
    COMPLETENESS_BATCH: _ClassVar[Completeness]
    COMPLETENESS_TRACE: _ClassVar[Completeness]

class Transport(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSPORT_UNSPECIFIED: _ClassVar[Transport]
    TRANSPORT_MESSAGE: _ClassVar[Transport]
    TRANSPORT_SHARED_MEMORY: _ClassVar[Transport]

class Code(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CODE_UNSPECIFIED: _ClassVar[Code]
    CODE_BAD_INPUT: _ClassVar[Code]
    CODE_TOO_LARGE: _ClassVar[Code]
    CODE_OVERLOADED: _ClassVar[Code]
    CODE_SHUTTING_DOWN: _ClassVar[Code]
    CODE_UNSUPPORTED: _ClassVar[Code]
    CODE_INTERNAL: _ClassVar[Code]
SIGNAL_UNSPECIFIED: Signal
SIGNAL_TRACES: Signal
SIGNAL_METRICS: Signal
SIGNAL_LOGS: Signal
COMPLETENESS_UNSPECIFIED: Completeness
COMPLETENESS_BATCH: Completeness
COMPLETENESS_TRACE: Completeness
TRANSPORT_UNSPECIFIED: Transport
TRANSPORT_MESSAGE: Transport
TRANSPORT_SHARED_MEMORY: Transport
CODE_UNSPECIFIED: Code
CODE_BAD_INPUT: Code
CODE_TOO_LARGE: Code
CODE_OVERLOADED: Code
CODE_SHUTTING_DOWN: Code
CODE_UNSUPPORTED: Code
CODE_INTERNAL: Code

class VerifyRequest(_message.Message):
    __slots__ = ("id", "signal", "completeness", "hello", "parts", "otlp")
    ID_FIELD_NUMBER: _ClassVar[int]
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    COMPLETENESS_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    OTLP_FIELD_NUMBER: _ClassVar[int]
    id: int
    signal: Signal
    completeness: Completeness
    hello: Hello
    parts: bytes
    otlp: bytes
    def __init__(self, id: _Optional[int] = ..., signal: _Optional[_Union[Signal, str]] = ..., completeness: _Optional[_Union[Completeness, str]] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., parts: _Optional[bytes] = ..., otlp: _Optional[bytes] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("processor_version", "signals", "profile", "allow_drop", "transports")
    PROCESSOR_VERSION_FIELD_NUMBER: _ClassVar[int]
    SIGNALS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    ALLOW_DROP_FIELD_NUMBER: _ClassVar[int]
    TRANSPORTS_FIELD_NUMBER: _ClassVar[int]
    processor_version: str
    signals: _containers.RepeatedScalarFieldContainer[Signal]
    profile: str
    allow_drop: bool
    transports: _containers.RepeatedScalarFieldContainer[Transport]
    def __init__(self, processor_version: _Optional[str] = ..., signals: _Optional[_Iterable[_Union[Signal, str]]] = ..., profile: _Optional[str] = ..., allow_drop: _Optional[bool] = ..., transports: _Optional[_Iterable[_Union[Transport, str]]] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("id", "unchanged", "sparse", "error", "welcome")
    ID_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    SPARSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    id: int
    unchanged: Unchanged
    sparse: Sparse
    error: Error
    welcome: Welcome
    def __init__(self, id: _Optional[int] = ..., unchanged: _Optional[_Union[Unchanged, _Mapping]] = ..., sparse: _Optional[_Union[Sparse, _Mapping]] = ..., error: _Optional[_Union[Error, _Mapping]] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("verifier_version", "max_request_bytes", "max_requests_in_flight", "transport", "ticket")
    VERIFIER_VERSION_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUESTS_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    TICKET_FIELD_NUMBER: _ClassVar[int]
    verifier_version: str
    max_request_bytes: int
    max_requests_in_flight: int
    transport: Transport
    ticket: bytes
    def __init__(self, verifier_version: _Optional[str] = ..., max_request_bytes: _Optional[int] = ..., max_requests_in_flight: _Optional[int] = ..., transport: _Optional[_Union[Transport, str]] = ..., ticket: _Optional[bytes] = ...) -> None: ...

class Unchanged(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Sparse(_message.Message):
    __slots__ = ("annotations", "records", "record_annotations", "resources", "resource_annotations", "scopes", "scope_annotations", "strip_records", "strip_resources", "strip_scopes", "drop_records")
    ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    RECORD_ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    SCOPE_ANNOTATIONS_FIELD_NUMBER: _ClassVar[int]
    STRIP_RECORDS_FIELD_NUMBER: _ClassVar[int]
    STRIP_RESOURCES_FIELD_NUMBER: _ClassVar[int]
    STRIP_SCOPES_FIELD_NUMBER: _ClassVar[int]
    DROP_RECORDS_FIELD_NUMBER: _ClassVar[int]
    annotations: _containers.RepeatedCompositeFieldContainer[Annotation]
    records: _containers.RepeatedScalarFieldContainer[int]
    record_annotations: _containers.RepeatedScalarFieldContainer[int]
    resources: _containers.RepeatedScalarFieldContainer[int]
    resource_annotations: _containers.RepeatedScalarFieldContainer[int]
    scopes: _containers.RepeatedScalarFieldContainer[int]
    scope_annotations: _containers.RepeatedScalarFieldContainer[int]
    strip_records: _containers.RepeatedScalarFieldContainer[int]
    strip_resources: _containers.RepeatedScalarFieldContainer[int]
    strip_scopes: _containers.RepeatedScalarFieldContainer[int]
    drop_records: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, annotations: _Optional[_Iterable[_Union[Annotation, _Mapping]]] = ..., records: _Optional[_Iterable[int]] = ..., record_annotations: _Optional[_Iterable[int]] = ..., resources: _Optional[_Iterable[int]] = ..., resource_annotations: _Optional[_Iterable[int]] = ..., scopes: _Optional[_Iterable[int]] = ..., scope_annotations: _Optional[_Iterable[int]] = ..., strip_records: _Optional[_Iterable[int]] = ..., strip_resources: _Optional[_Iterable[int]] = ..., strip_scopes: _Optional[_Iterable[int]] = ..., drop_records: _Optional[_Iterable[int]] = ...) -> None: ...

class Annotation(_message.Message):
    __slots__ = ("attributes",)
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    attributes: _containers.RepeatedCompositeFieldContainer[Attribute]
    def __init__(self, attributes: _Optional[_Iterable[_Union[Attribute, _Mapping]]] = ...) -> None: ...

class Attribute(_message.Message):
    __slots__ = ("key", "text", "list")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    key: str
    text: str
    list: TextList
    def __init__(self, key: _Optional[str] = ..., text: _Optional[str] = ..., list: _Optional[_Union[TextList, _Mapping]] = ...) -> None: ...

class TextList(_message.Message):
    __slots__ = ("values",)
    VALUES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[str]] = ...) -> None: ...

class Error(_message.Message):
    __slots__ = ("code", "message", "retry_after_ms", "byte_offset")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    BYTE_OFFSET_FIELD_NUMBER: _ClassVar[int]
    code: Code
    message: str
    retry_after_ms: int
    byte_offset: int
    def __init__(self, code: _Optional[_Union[Code, str]] = ..., message: _Optional[str] = ..., retry_after_ms: _Optional[int] = ..., byte_offset: _Optional[int] = ...) -> None: ...
