package grps

import (
	"context"
	"errors"
	"io"
)

// pieces are the answers of a stream, one after another.
type pieces interface {
	// next returns io.EOF after the last piece.
	next() (*Result, error)
	close()
}

// Stream is the answer of a model in pieces. It is for one goroutine, but any may close it.
//
//	for stream.Next() {
//		piece := stream.Result()
//	}
//	err := stream.Err()
type Stream struct {
	pieces pieces
	cancel context.CancelFunc
	result *Result
	err    error
}

// Next waits for the next piece. It returns false after the last one and after an error.
func (s *Stream) Next() bool {
	if s.err != nil {
		return false
	}
	s.result, s.err = s.pieces.next()
	return s.err == nil
}

// Result returns the piece that Next has got.
func (s *Stream) Result() *Result { return s.result }

// Err returns why the stream ended, or nil if it ended after its last piece.
func (s *Stream) Err() error {
	if errors.Is(s.err, io.EOF) {
		return nil
	}
	return s.err
}

// Close ends the stream. A call that still runs is cancelled on the service.
func (s *Stream) Close() error {
	s.cancel()
	s.pieces.close()
	return nil
}
