package grps

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

var protocols = map[string]Protocol{"http": HTTP, "grpc": GRPC}

// newTestClient makes a client that repeats calls after short pauses.
func newTestClient(t *testing.T, address string, protocol Protocol) *Client {
	t.Helper()
	pauses := WithPauses(time.Millisecond, 2*time.Millisecond)
	client, err := NewClient(address, WithProtocol(protocol), pauses)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// breaking listens and closes each connection once it has read from it.
func breaking(t *testing.T, accepted *int32) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			atomic.AddInt32(accepted, 1)
			_, _ = connection.Read(make([]byte, 4096))
			_ = connection.Close()
		}
	}()
	return listener.Addr().String()
}

func TestNoConnectionIsAnError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	for name, protocol := range protocols {
		client := newTestClient(t, address, protocol)
		_, err := client.Predict(context.Background(), Text("hello"))
		var failed *Error
		if !errors.Is(err, ErrConnection) || !errors.As(err, &failed) || !failed.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestACallThatMayHaveRunIsRepeatedOnlyOnRequest(t *testing.T) {
	var accepted int32
	client := newTestClient(t, breaking(t, &accepted), HTTP)
	if _, err := client.Predict(context.Background(), Text("hello")); !errors.Is(err, ErrConnection) {
		t.Error(err)
	}
	if got := atomic.SwapInt32(&accepted, 0); got != 1 {
		t.Errorf("%d connections", got)
	}
	_, err := client.Predict(context.Background(), Text("hello"), Repeatable())
	if got := atomic.LoadInt32(&accepted); got != 4 || !errors.Is(err, ErrConnection) {
		t.Errorf("%d connections, %v", got, err)
	}
}

func TestAnEndedContextMakesNoCall(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, protocol := range protocols {
		client := newTestClient(t, "127.0.0.1:1", protocol)
		_, err := client.Predict(ctx, Text("hello"))
		if !errors.Is(err, ErrCancelled) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWrongSettingsAreErrors(t *testing.T) {
	for _, address := range []string{"", "localhost", "ftp://localhost:1", "http://localhost:1/path"} {
		if _, err := NewClient(address); err == nil {
			t.Errorf("%q is no error", address)
		}
	}
	for _, option := range []Option{WithCAFile("none.pem"), WithCAFile("go.mod"), WithProtocol(7)} {
		if _, err := NewClient("localhost:1", option); err == nil {
			t.Error("no error")
		}
	}
}
