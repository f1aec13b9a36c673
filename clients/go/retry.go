package grps

import (
	"context"
	"errors"
	"math/rand"
	"time"
)

// longestRequestedPause is the longest Retry-After that is waited for; a service that asks for
// more has given its answer.
const longestRequestedPause = time.Minute

// repeat makes attempts until one succeeds, or fails in a way that does not allow another.
func repeat[T any](
	ctx context.Context, s *settings, repeatable bool, attempt func() (T, error),
) (T, error) {
	for number := 0; ; number++ {
		result, err := attempt()
		if err == nil || number >= s.retries || !mayRepeat(err, repeatable) {
			return result, err
		}
		if !wait(ctx, pause(number, err, s, rand.Float64())) {
			return result, afterWait(ctx, err)
		}
	}
}

func mayRepeat(err error, repeatable bool) bool {
	var failed *Error
	if !errors.As(err, &failed) || failed.RetryAfter > longestRequestedPause {
		return false
	}
	return failed.refused || repeatable && failed.kind == ErrConnection
}

// pause returns the time before attempt number+1. It is random, as callers that were refused
// together must not come back together.
func pause(number int, err error, s *settings, fraction float64) time.Duration {
	longest := s.longestPause
	if number < 30 && s.firstPause<<number < longest {
		longest = s.firstPause << number
	}
	random := time.Duration(float64(longest) * fraction)
	var failed *Error
	if errors.As(err, &failed) {
		random += failed.RetryAfter
	}
	return random
}

// wait returns false if the context ends first, or would.
func wait(ctx context.Context, pause time.Duration) bool {
	if deadline, has := ctx.Deadline(); has && time.Until(deadline) <= pause {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// afterWait returns the error of a call that was not repeated: why it was refused, unless its
// caller cancelled it.
func afterWait(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		if ended := contextError(ctx); ended != nil {
			return ended
		}
	}
	return err
}
