package grps

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestEachStatusIsAKind(t *testing.T) {
	for code, kind := range map[int]error{
		400: ErrInvalidRequest, 401: ErrUnauthenticated, 403: ErrPermissionDenied, 404: ErrNotFound,
		413: ErrTooLarge, 415: ErrInvalidRequest, 429: ErrTooManyRequests, 499: ErrCancelled,
		500: ErrModel, 501: ErrModel, 503: ErrUnavailable, 504: ErrDeadlineExceeded,
	} {
		var err error = statusError(code, "why", 0)
		var failed *Error
		if !errors.Is(err, kind) || !errors.As(err, &failed) || failed.Code != code {
			t.Errorf("%d is %v, not %v", code, err, kind)
		}
		if errors.Is(err, ErrContent) {
			t.Errorf("%d is of two kinds", code)
		}
	}
	if !errors.Is(statusError(504, "why", 0), context.DeadlineExceeded) {
		t.Error("a deadline of the service is none of context")
	}
}

func TestRetryAfterIsReadAsSecondsAndAsADate(t *testing.T) {
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for value, wanted := range map[string]time.Duration{
		"": 0, "1": time.Second, "0.5": 500 * time.Millisecond, "-1": 0, "soon": 0, date: time.Hour,
	} {
		got := retryAfter(http.Header{"Retry-After": {value}})
		if difference := got - wanted; difference < -2*time.Second || difference > time.Second/10 {
			t.Errorf("%q is %v, not %v", value, got, wanted)
		}
	}
}

func TestOnlyWhatDidNotRunIsRepeated(t *testing.T) {
	broken := errors.New("connection reset")
	for _, one := range []struct {
		err        error
		repeatable bool
		wanted     bool
	}{
		{statusError(429, "", time.Second), false, true},
		{statusError(429, "", time.Hour), false, false},
		{statusError(503, "", 0), false, true},
		{statusError(500, "", 0), true, false},
		{connectionError(broken, true), false, true},
		{connectionError(broken, false), false, false},
		{connectionError(broken, false), true, true},
	} {
		if got := mayRepeat(one.err, one.repeatable); got != one.wanted {
			t.Errorf("%v, repeatable %t: %t", one.err, one.repeatable, got)
		}
	}
}

func TestPausesGrowUpToTheLongest(t *testing.T) {
	s := defaults()
	err := statusError(429, "", 2*time.Second)
	for number, wanted := range map[int]time.Duration{
		0: 2100 * time.Millisecond, 1: 2200 * time.Millisecond, 20: 7 * time.Second, 99: 7 * time.Second,
	} {
		if got := pause(number, err, &s, 1); got != wanted {
			t.Errorf("pause %d is %v, not %v", number, got, wanted)
		}
	}
	if got := pause(5, err, &s, 0); got != 2*time.Second {
		t.Errorf("the shortest pause is %v", got)
	}
}

func TestACallIsNotRepeatedAfterItsDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, attempts := defaults(), 0
	_, err := repeat(ctx, &s, false, func() (int, error) {
		attempts++
		return 0, statusError(429, "full", 5*time.Second)
	})
	if attempts != 1 || !errors.Is(err, ErrTooManyRequests) {
		t.Errorf("%d attempts, %v", attempts, err)
	}
}
