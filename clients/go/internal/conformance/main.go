// The conformance program: checks what this client does against the service that
// clients/conformance/README.md describes, and appends a line per check to GRPS_RESULTS.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	grps "github.com/NetEase-Media/grps/clients/go"
)

const (
	text     = "grüße, 世界"
	patience = 5 * time.Second
)

// protocol is one that is checked, with its name in the results.
type protocol struct {
	name string
	id   grps.Protocol
}

var (
	overHTTP = protocol{"http", grps.HTTP}
	both     = []protocol{overHTTP, {"grpc", grps.GRPC}}
)

type check struct {
	feature   string
	protocols []protocol
	run       func(protocol) error
}

var checks = []check{
	{"text", both, checkText},
	{"binary", both, checkBinary},
	{"tensors", both, checkTensors},
	{"ndarray", []protocol{overHTTP}, checkNDArray},
	{"metadata", both, checkMetadata},
	{"stream", both, checkStream},
	{"slow_reader", both, checkSlowReader},
	{"cancel_unary", both, checkCancelUnary},
	{"cancel_stream", both, checkCancelStream},
	{"deadline", both, checkDeadline},
	{"model_error", both, checkModelError},
	{"unknown_model", both, checkUnknownModel},
	{"tls", both, checkTLS},
	{"key", both, checkKey},
	{"too_large", both, checkTooLarge},
	{"rate_limited", both, checkRateLimited},
	{"overloaded", both, checkOverloaded},
	{"unavailable", both, checkUnavailable},
	{"retry", both, checkRetry},
	{"concurrent", both, checkConcurrent},
}

type line struct {
	Feature  string `json:"feature"`
	Protocol string `json:"protocol"`
	Passed   bool   `json:"passed"`
	Why      string `json:"why,omitempty"`
}

func main() {
	results, err := os.OpenFile(os.Getenv("GRPS_RESULTS"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	failed := false
	for _, one := range checks {
		for _, over := range one.protocols {
			result := line{Feature: one.feature, Protocol: over.name, Passed: true}
			if err := one.run(over); err != nil {
				failed = true
				result.Passed, result.Why = false, err.Error()
				fmt.Fprintf(os.Stderr, "%s over %s: %v\n", one.feature, over.name, err)
			}
			if err := json.NewEncoder(results).Encode(result); err != nil {
				failed = true
			}
		}
	}
	if failed {
		os.Exit(1)
	}
}

// client makes a client of the plain instance.
func (p protocol) client(options ...grps.Option) *grps.Client {
	return p.of("GRPS", options)
}

// secure makes a client of the instance with TLS, that does not repeat calls.
func (p protocol) secure(ca, key string, options ...grps.Option) *grps.Client {
	all := append([]grps.Option{grps.WithCAFile(os.Getenv(ca)), grps.WithRetries(0)}, options...)
	if key != "" {
		all = append(all, grps.WithKey(os.Getenv(key)))
	}
	return p.of("GRPS_TLS", all)
}

func (p protocol) of(prefix string, options []grps.Option) *grps.Client {
	all := []grps.Option{grps.WithProtocol(p.id), grps.WithTimeout(20 * time.Second)}
	all = append(all, options...)
	client, err := grps.NewClient(p.address(prefix), all...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return client
}

func (p protocol) address(prefix string) string {
	return os.Getenv(prefix + "_" + strings.ToUpper(p.name))
}

// answer calls a model with a text and returns the text of its answer.
func answer(client *grps.Client, given, model string, options ...grps.CallOption) (string, error) {
	options = append(options, grps.Model(model))
	result, err := client.Predict(context.Background(), grps.Text(given), options...)
	if err != nil {
		return "", err
	}
	return result.Text()
}

// expect returns an error unless err is of a kind and has a code and a message.
func expect(err, kind error, code int) error {
	var failed *grps.Error
	switch {
	case err == nil:
		return fmt.Errorf("no error, wanted: %w", kind)
	case !errors.As(err, &failed), !errors.Is(err, kind):
		return fmt.Errorf("wanted: %v, got %w", kind, err)
	case failed.Code != code || failed.Message == "":
		return fmt.Errorf("code %d, message %q", failed.Code, failed.Message)
	}
	return nil
}

// counts are what the models have counted.
type counts struct {
	Running   int `json:"running"`
	Cancelled int `json:"cancelled"`
}

func state() (counts, error) {
	client := overHTTP.client()
	defer client.Close()
	var found counts
	given, err := answer(client, "", "state")
	if err == nil {
		err = json.Unmarshal([]byte(given), &found)
	}
	return found, err
}

// waitFor waits until the counts are as wanted.
func waitFor(what string, wanted func(counts) bool) error {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		found, err := state()
		if err != nil || wanted(found) {
			return err
		}
		if time.Now().After(end) {
			return errors.New(what)
		}
	}
}

// seenByModel runs a function and expects that a model sees that its call is cancelled.
func seenByModel(run func() error) error {
	before, err := state()
	if err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	return waitFor("the model has not seen it", func(c counts) bool {
		return c.Cancelled > before.Cancelled
	})
}
