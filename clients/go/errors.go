package grps

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// The kinds of errors, for errors.Is.
var (
	ErrInvalidRequest   = errors.New("grps: invalid request")
	ErrUnauthenticated  = errors.New("grps: unauthenticated")
	ErrPermissionDenied = errors.New("grps: permission denied")
	ErrNotFound         = errors.New("grps: not found")
	ErrTooLarge         = errors.New("grps: too large")
	ErrTooManyRequests  = errors.New("grps: too many requests")
	ErrUnavailable      = errors.New("grps: unavailable")
	ErrDeadlineExceeded = errors.New("grps: deadline exceeded")
	ErrCancelled        = errors.New("grps: cancelled")
	ErrModel            = errors.New("grps: model error")
	ErrConnection       = errors.New("grps: connection failed")
	// ErrContent is returned by accessors for something that a result or a tensor does not have.
	ErrContent = errors.New("grps: wrong content")
)

// Error is a failed call. All errors of Client and Stream are of this type; errors.Is compares
// them with the kinds above.
type Error struct {
	// Code is the HTTP status, over gRPC the one that means the same; 0 without a response.
	Code int
	// Message says in one line what happened.
	Message string
	// RetryAfter is how long the service asks to wait; 0 if it does not ask.
	RetryAfter time.Duration

	kind  error
	cause error
	// refused means that the call did not run, so that it may be repeated.
	refused bool
}

// Error returns the code and the message.
func (e *Error) Error() string {
	if e.Code == 0 {
		return fmt.Sprintf("%v: %s", e.kind, e.Message)
	}
	return fmt.Sprintf("%v (%d): %s", e.kind, e.Code, e.Message)
}

// Is reports whether the error is of a kind.
func (e *Error) Is(target error) bool { return target == e.kind }

// Unwrap returns what caused the error: one of context, net or x509, for example.
func (e *Error) Unwrap() error { return e.cause }

// statusError makes the error of a status of the service.
func statusError(code int, message string, retryAfter time.Duration) *Error {
	e := &Error{Code: code, Message: message, RetryAfter: retryAfter}
	switch code {
	case http.StatusUnauthorized:
		e.kind = ErrUnauthenticated
	case http.StatusForbidden:
		e.kind = ErrPermissionDenied
	case http.StatusNotFound:
		e.kind = ErrNotFound
	case http.StatusRequestEntityTooLarge:
		e.kind = ErrTooLarge
	case http.StatusTooManyRequests:
		e.kind, e.refused = ErrTooManyRequests, true
	case http.StatusServiceUnavailable:
		e.kind, e.refused = ErrUnavailable, true
	case statusCancelled:
		e.kind, e.cause = ErrCancelled, context.Canceled
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		e.kind, e.cause = ErrDeadlineExceeded, context.DeadlineExceeded
	default:
		e.kind = ErrModel
		if code >= 400 && code < 500 {
			e.kind = ErrInvalidRequest
		}
	}
	return e
}

// statusCancelled is the status of a call whose client does not wait for it.
const statusCancelled = 499

func invalid(format string, arguments ...any) *Error {
	return statusError(http.StatusBadRequest, fmt.Sprintf(format, arguments...), 0)
}

func connectionError(cause error, refused bool) *Error {
	message := strings.Join(strings.Fields(cause.Error()), " ")
	return &Error{Message: message, kind: ErrConnection, cause: cause, refused: refused}
}

// contextError returns the error of a context that has ended, or nil.
func contextError(ctx context.Context) *Error {
	deadline, has := ctx.Deadline()
	switch {
	case ctx.Err() == context.DeadlineExceeded,
		has && ctx.Err() == nil && !time.Now().Before(deadline):
		return statusError(http.StatusGatewayTimeout, "the deadline passed", 0)
	case ctx.Err() != nil:
		return statusError(statusCancelled, "the call was cancelled", 0)
	}
	return nil
}
