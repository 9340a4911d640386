package verifierprocessor // import "github.com/otlp-verifier/otlp-verifier/bridge/verifierprocessor"

// version is what the processor calls itself when it greets the verifier.
const version = "0.1.0"
