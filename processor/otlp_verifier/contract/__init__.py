"""The classes that protoc makes of bridge/proto/verifier.proto; nothing here is written by hand."""
