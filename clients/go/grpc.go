package grps

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/NetEase-Media/grps/clients/go/internal/pb"
)

type message = *pb.GrpsMessage

type grpcTransport struct {
	connection *grpc.ClientConn
	stub       pb.GrpsServiceClient
	settings   *settings
}

func newGRPC(target string, s *settings) (*grpcTransport, error) {
	security := insecure.NewCredentials()
	if s.tls != nil {
		security = credentials.NewTLS(s.tls)
	}
	connection, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(security),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(s.maxResponseBytes), grpc.MaxCallSendMsgSize(math.MaxInt32)),
	)
	if err != nil {
		return nil, err
	}
	stub := pb.NewGrpsServiceClient(connection)
	return &grpcTransport{connection: connection, stub: stub, settings: s}, nil
}

func (t *grpcTransport) close() error { return t.connection.Close() }

func (t *grpcTransport) predict(ctx context.Context, in Input, c *call) (*Result, error) {
	if c.asNDArray {
		return nil, invalid("an ndarray can be returned over HTTP only")
	}
	request, err := toMessage(in, c.model)
	if err != nil {
		return nil, err
	}
	answer, err := t.unary(ctx, c, func(ctx context.Context, o grpc.CallOption) (message, error) {
		return t.stub.Predict(ctx, request, o)
	})
	if err != nil {
		return nil, err
	}
	return fromMessage(answer)
}

// unary makes a call with one answer, and turns its error into one of this package.
func (t *grpcTransport) unary(
	ctx context.Context,
	c *call,
	one func(context.Context, grpc.CallOption) (message, error),
) (message, error) {
	var trailer metadata.MD
	answer, err := one(t.outgoing(ctx, c), grpc.Trailer(&trailer))
	if err != nil {
		return nil, rpcError(ctx, err, trailer)
	}
	return answer, nil
}

// outgoing returns a context with the metadata of a call.
func (t *grpcTransport) outgoing(ctx context.Context, c *call) context.Context {
	var pairs []string
	for _, pair := range [][2]string{
		{"authorization", t.settings.key},
		{"traceparent", c.traceparent},
		{"x-request-id", c.requestID},
	} {
		value := pair[1]
		if value == "" {
			continue
		}
		if pair[0] == "authorization" {
			value = "Bearer " + value
		}
		pairs = append(pairs, pair[0], value)
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

func (t *grpcTransport) stream(ctx context.Context, in Input, c *call) (pieces, error) {
	if c.asNDArray {
		return nil, invalid("an ndarray can be returned over HTTP only")
	}
	request, err := toMessage(in, c.model)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	rpc, err := t.stub.PredictStreaming(t.outgoing(ctx, c), request)
	if err != nil {
		cancel()
		return nil, rpcError(ctx, err, nil)
	}
	opened := &messages{ctx: ctx, rpc: rpc, cancel: cancel}
	// A refusal is seen here, so that the call can be repeated.
	opened.first, opened.firstErr = opened.receive()
	opened.hasFirst = true
	if opened.firstErr != nil && !errors.Is(opened.firstErr, io.EOF) {
		cancel()
		return nil, opened.firstErr
	}
	return opened, nil
}

func (t *grpcTransport) modelMetadata(ctx context.Context, model string) (string, error) {
	request, err := toMessage(Text(model), "")
	if err != nil {
		return "", err
	}
	answer, err := t.unary(ctx, &call{}, func(ctx context.Context, o grpc.CallOption) (message, error) {
		return t.stub.ModelMetadata(ctx, request, o)
	})
	return textOf(answer, err)
}

func (t *grpcTransport) serverMetadata(ctx context.Context) (string, error) {
	answer, err := t.unary(ctx, &call{}, func(ctx context.Context, o grpc.CallOption) (message, error) {
		return t.stub.ServerMetadata(ctx, &pb.EmptyGrpsMessage{}, o)
	})
	return textOf(answer, err)
}

func textOf(answer message, err error) (string, error) {
	if err != nil {
		return "", err
	}
	result, err := fromMessage(answer)
	if err != nil {
		return "", err
	}
	return result.Text()
}

func (t *grpcTransport) isReady(ctx context.Context) (bool, error) {
	answer, err := t.unary(ctx, &call{}, func(ctx context.Context, o grpc.CallOption) (message, error) {
		return t.stub.CheckReadiness(ctx, &pb.EmptyGrpsMessage{}, o)
	})
	if err == nil {
		_, err = fromMessage(answer)
	}
	if errors.Is(err, ErrUnavailable) {
		return false, nil
	}
	return err == nil, err
}

// rpcError returns the error of a failed rpc.
func rpcError(ctx context.Context, err error, trailer metadata.MD) error {
	if ended := contextError(ctx); ended != nil {
		return ended
	}
	failed := status.Convert(err)
	pushback, hasPushback := pushbackOf(trailer)
	code := httpStatus(failed.Code(), hasPushback)
	// gRPC has one code for a service that refuses and for one that can't be reached; only a
	// service adds metadata.
	if code == http.StatusServiceUnavailable && len(trailer) == 0 {
		return connectionError(err, strings.Contains(failed.Message(), "Error while dialing"))
	}
	return statusError(code, failed.Message(), pushback)
}

func pushbackOf(trailer metadata.MD) (time.Duration, bool) {
	values := trailer.Get("grpc-retry-pushback-ms")
	if len(values) == 0 {
		return 0, false
	}
	milliseconds, err := strconv.Atoi(values[0])
	if err != nil || milliseconds < 0 {
		return 0, false
	}
	return time.Duration(milliseconds) * time.Millisecond, true
}

// httpStatus returns the HTTP status that means the same as a code of gRPC.
func httpStatus(code codes.Code, hasPushback bool) int {
	switch code {
	case codes.InvalidArgument, codes.OutOfRange:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.NotFound:
		return http.StatusNotFound
	case codes.ResourceExhausted:
		if hasPushback { // only a full queue or a rate has an end
			return http.StatusTooManyRequests
		}
		return http.StatusRequestEntityTooLarge
	case codes.Canceled:
		return statusCancelled
	case codes.Unimplemented:
		return http.StatusNotImplemented
	case codes.Unavailable:
		return http.StatusServiceUnavailable
	case codes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// messages are the pieces of a stream.
type messages struct {
	ctx      context.Context
	rpc      pb.GrpsService_PredictStreamingClient
	cancel   context.CancelFunc
	first    *Result
	firstErr error
	hasFirst bool
}

func (m *messages) close() { m.cancel() }

func (m *messages) next() (*Result, error) {
	if m.hasFirst {
		m.hasFirst = false
		return m.first, m.firstErr
	}
	return m.receive()
}

func (m *messages) receive() (*Result, error) {
	answer, err := m.rpc.Recv()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, rpcError(m.ctx, err, m.rpc.Trailer())
	}
	return fromMessage(answer)
}
