// Package grps calls the models of a GRPS service over HTTP or gRPC.
//
// A Client is for one address and safe for any number of goroutines. Predict gets one answer,
// Stream gets many. The context of a call ends it, also on the service: by cancellation and by its
// deadline. All errors are of type *Error; errors.Is compares them with kinds such as ErrNotFound.
package grps

//go:generate ./internal/generate.sh

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// transport makes calls over a protocol, each once.
type transport interface {
	predict(ctx context.Context, in Input, c *call) (*Result, error)
	stream(ctx context.Context, in Input, c *call) (pieces, error)
	modelMetadata(ctx context.Context, model string) (string, error)
	serverMetadata(ctx context.Context) (string, error)
	isReady(ctx context.Context) (bool, error)
	close() error
}

// Client calls the models of one service.
type Client struct {
	settings  settings
	transport transport
}

// NewClient makes a client of an address: host:port, or http://host:port or https://host:port.
// It does not connect before the first call. Close it when it is not needed any more.
func NewClient(address string, options ...Option) (*Client, error) {
	s := defaults()
	if strings.HasPrefix(address, "https://") {
		_ = WithTLS(nil)(&s)
	}
	for _, option := range options {
		if err := option(&s); err != nil {
			return nil, err
		}
	}
	target, err := hostAndPort(address)
	if err != nil {
		return nil, err
	}
	client := &Client{settings: s}
	if s.protocol == GRPC {
		client.transport, err = newGRPC(target, &client.settings)
	} else {
		client.transport = newHTTP(target, &client.settings)
	}
	if err != nil {
		return nil, err
	}
	return client, nil
}

func hostAndPort(address string) (string, error) {
	if strings.Contains(address, "://") {
		parsed, err := url.Parse(address)
		if err != nil {
			return "", fmt.Errorf("grps: %w", err)
		}
		if parsed.Scheme != "http" && parsed.Scheme != "https" || strings.Trim(parsed.Path, "/") != "" {
			return "", fmt.Errorf("grps: the address %q is not http(s)://host:port", address)
		}
		address = parsed.Host
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return "", fmt.Errorf("grps: the address is not host:port: %w", err)
	}
	return address, nil
}

// Predict calls a model and returns its answer. A call that did not run is repeated: when there is
// no connection, and when the service refuses it with 429 or 503.
func (c *Client) Predict(ctx context.Context, input Input, options ...CallOption) (*Result, error) {
	one := c.call(ctx, options)
	if err := input.check(); err != nil {
		return nil, err
	}
	ctx, cancel := c.limited(ctx)
	defer cancel()
	return repeat(ctx, &c.settings, one.repeatable, func() (*Result, error) {
		return c.transport.predict(ctx, input, one)
	})
}

// Stream calls a model that answers in pieces. It returns when the first piece, or a failure
// before it, has arrived. Close the stream; that cancels the call if it has not ended.
func (c *Client) Stream(ctx context.Context, input Input, options ...CallOption) (*Stream, error) {
	one := c.call(ctx, options)
	if err := input.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	opened, err := repeat(ctx, &c.settings, one.repeatable, func() (pieces, error) {
		return c.transport.stream(ctx, input, one)
	})
	if err != nil {
		cancel()
		return nil, err
	}
	return &Stream{pieces: opened, cancel: cancel}, nil
}

// ModelMetadata returns the configuration, inputs and outputs of a model as YAML.
func (c *Client) ModelMetadata(ctx context.Context, model string) (string, error) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	return repeat(ctx, &c.settings, true, func() (string, error) {
		return c.transport.modelMetadata(ctx, model)
	})
}

// ServerMetadata returns the configuration of the service as YAML.
func (c *Client) ServerMetadata(ctx context.Context) (string, error) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	return repeat(ctx, &c.settings, true, func() (string, error) {
		return c.transport.serverMetadata(ctx)
	})
}

// IsReady reports whether all models of the service are ready.
func (c *Client) IsReady(ctx context.Context) (bool, error) {
	ctx, cancel := c.limited(ctx)
	defer cancel()
	return c.transport.isReady(ctx)
}

// Close closes the connections. Over gRPC, calls that run end with ErrCancelled.
func (c *Client) Close() error { return c.transport.close() }

func (c *Client) call(ctx context.Context, options []CallOption) *call {
	one := &call{}
	for _, option := range options {
		option(one)
	}
	if one.traceparent == "" {
		one.traceparent = c.settings.traceparent(ctx)
	}
	return one
}

func (c *Client) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.settings.timeout > 0 {
		return context.WithTimeout(ctx, c.settings.timeout)
	}
	return ctx, func() {}
}
