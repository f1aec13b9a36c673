package grps

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"
)

// Protocol is how a client talks to the service.
type Protocol int

// The protocols of GRPS's own interface.
const (
	HTTP Protocol = iota
	GRPC
)

// settings are what the options of a client set.
type settings struct {
	protocol         Protocol
	key              string
	tls              *tls.Config
	timeout          time.Duration
	retries          int
	firstPause       time.Duration
	longestPause     time.Duration
	connections      int
	maxResponseBytes int
	traceparent      func(context.Context) string
}

func defaults() settings {
	return settings{
		retries:          3,
		firstPause:       100 * time.Millisecond,
		longestPause:     5 * time.Second,
		connections:      64,
		maxResponseBytes: 256 << 20,
		traceparent:      func(context.Context) string { return "" },
	}
}

// Option is a setting of a client.
type Option func(*settings) error

// WithProtocol chooses the protocol; the default is HTTP.
func WithProtocol(protocol Protocol) Option {
	return func(s *settings) error {
		if protocol != HTTP && protocol != GRPC {
			return fmt.Errorf("grps: unknown protocol %d", protocol)
		}
		s.protocol = protocol
		return nil
	}
}

// WithKey sends a key with each call, for a service with auth.
func WithKey(key string) Option {
	return func(s *settings) error {
		s.key = key
		return nil
	}
}

// WithTLS connects by TLS. Without a configuration, the authorities of the system are trusted.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) error {
		s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		if config != nil {
			s.tls = config.Clone()
		}
		return nil
	}
}

// WithCAFile connects by TLS and trusts the authorities of a PEM file only.
func WithCAFile(path string) Option {
	return func(s *settings) error {
		pem, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("grps: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return fmt.Errorf("grps: %s has no certificate in PEM", path)
		}
		if s.tls == nil {
			s.tls = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		s.tls.RootCAs = pool
		return nil
	}
}

// WithTimeout ends calls after a time, with their retries, in addition to the deadline of their
// context. It does not apply to streams. By default, only the context ends a call.
func WithTimeout(timeout time.Duration) Option {
	return func(s *settings) error {
		s.timeout = timeout
		return nil
	}
}

// WithRetries sets how often a call is repeated that did not run; the default is 3.
func WithRetries(retries int) Option {
	return func(s *settings) error {
		s.retries = retries
		return nil
	}
}

// WithPauses sets the pause before the first repetition, 100 ms by default, and the longest one,
// 5 s. Each is twice as long as the one before; its actual length is random up to that. What a
// service asks to wait is added.
func WithPauses(first, longest time.Duration) Option {
	return func(s *settings) error {
		s.firstPause, s.longestPause = first, longest
		return nil
	}
}

// WithConnections limits connections over HTTP; calls beyond wait for one. The default is 64.
// Over gRPC, all calls share one connection.
func WithConnections(connections int) Option {
	return func(s *settings) error {
		s.connections = connections
		return nil
	}
}

// WithMaxResponseBytes limits an answer, and each piece of a stream. The default is 256 MiB.
func WithMaxResponseBytes(bytes int) Option {
	return func(s *settings) error {
		s.maxResponseBytes = bytes
		return nil
	}
}

// WithTraceparent gives each call the W3C traceparent that a function returns for its context,
// such as that of OpenTelemetry's current span; none if it is empty.
func WithTraceparent(current func(context.Context) string) Option {
	return func(s *settings) error {
		s.traceparent = current
		return nil
	}
}

// call is what the options of a call set.
type call struct {
	model       string
	repeatable  bool
	asNDArray   bool
	traceparent string
	requestID   string
}

// CallOption is a setting of a call.
type CallOption func(*call)

// Model chooses a model: a name for its latest version, or name-version. Without it, the
// service's default runs.
func Model(name string) CallOption { return func(c *call) { c.model = name } }

// Repeatable says that it does no harm if the call runs twice, so that it is also repeated after
// its connection broke.
func Repeatable() CallOption { return func(c *call) { c.repeatable = true } }

// AsNDArray asks for the first output as nested lists, over HTTP only.
func AsNDArray() CallOption { return func(c *call) { c.asNDArray = true } }

// Traceparent continues a trace, in the form of the W3C header.
func Traceparent(value string) CallOption { return func(c *call) { c.traceparent = value } }

// RequestID sets the id of the call in the service's log.
func RequestID(id string) CallOption { return func(c *call) { c.requestID = id } }
