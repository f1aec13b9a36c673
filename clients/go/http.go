package grps

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	predictPath  = "/grps/v1/infer/predict"
	octetStream  = "application/octet-stream"
	jsonType     = "application/json"
	ndjsonType   = "application/x-ndjson"
	connectTime  = 10 * time.Second
	maxTimeoutMs = 604800000
	// A request larger than this waits for the service to accept its head, so that the answer of a
	// service that refuses its size is not lost with the connection.
	largeBytes = 1 << 20
)

type httpTransport struct {
	client   *http.Client
	base     string
	settings *settings
}

func newHTTP(target string, s *settings) *httpTransport {
	scheme := "http://"
	if s.tls != nil {
		scheme = "https://"
	}
	dialer := &net.Dialer{Timeout: connectTime, KeepAlive: 30 * time.Second}
	pool := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        s.tls,
		TLSHandshakeTimeout:    connectTime,
		MaxConnsPerHost:        s.connections,
		MaxIdleConnsPerHost:    s.connections,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		DisableCompression:     true,
	}
	refuse := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client := &http.Client{Transport: pool, CheckRedirect: refuse}
	return &httpTransport{client: client, base: scheme + target, settings: s}
}

func (t *httpTransport) close() error {
	t.client.CloseIdleConnections()
	return nil
}

func (t *httpTransport) predict(ctx context.Context, in Input, c *call) (*Result, error) {
	response, err := t.post(ctx, in, c, false)
	if err != nil {
		return nil, err
	}
	defer drain(response.Body)
	body, err := t.readAll(ctx, response)
	if err != nil {
		return nil, err
	}
	if !isJSON(response) {
		return &Result{bytes: body}, nil
	}
	return readMessage(body)
}

func (t *httpTransport) stream(ctx context.Context, in Input, c *call) (pieces, error) {
	if c.asNDArray {
		return nil, invalid("a stream can't be an ndarray")
	}
	response, err := t.post(ctx, in, c, true)
	if err != nil {
		return nil, err
	}
	limit := t.settings.maxResponseBytes
	reader := bufio.NewReader(response.Body)
	return &lines{ctx: ctx, body: response.Body, reader: reader, limit: limit}, nil
}

// post sends an input and returns a response of status 200.
func (t *httpTransport) post(
	ctx context.Context, in Input, c *call, streaming bool,
) (*http.Response, error) {
	query := url.Values{}
	if c.model != "" {
		query.Set("model", c.model)
	}
	headers := http.Header{"Content-Type": {jsonType}}
	if streaming {
		query.Set("streaming", "true")
		headers.Set("Accept", ndjsonType)
	}
	if c.asNDArray {
		query.Set("return-ndarray", "true")
	}
	if c.traceparent != "" {
		headers.Set("Traceparent", c.traceparent)
	}
	if c.requestID != "" {
		headers.Set("X-Request-Id", c.requestID)
	}
	body := in.bytes
	if body != nil {
		headers.Set("Content-Type", octetStream)
	} else {
		var err error
		if body, err = appendMessage(nil, in); err != nil {
			return nil, err
		}
	}
	if len(body) > largeBytes {
		headers.Set("Expect", "100-continue")
	}
	return t.send(ctx, http.MethodPost, predictPath+"?"+query.Encode(), headers, body)
}

// send makes a request. Its response has status 200, others are errors.
func (t *httpTransport) send(
	ctx context.Context, method, path string, headers http.Header, body []byte,
) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, t.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, invalid("%v", err)
	}
	request.Header = headers
	if t.settings.key != "" {
		request.Header.Set("Authorization", "Bearer "+t.settings.key)
	}
	if deadline, has := ctx.Deadline(); has {
		left := time.Until(deadline).Milliseconds() + 1
		if left > maxTimeoutMs {
			left = maxTimeoutMs
		}
		if left > 0 {
			request.Header.Set("X-Request-Timeout-Ms", strconv.FormatInt(left, 10))
		}
	}
	response, err := t.client.Do(request)
	if err != nil {
		return nil, failure(ctx, err)
	}
	if response.StatusCode != http.StatusOK {
		defer drain(response.Body)
		return nil, t.refusal(ctx, response)
	}
	return response, nil
}

// failure returns the error of a request that has got no response, or not all of it.
func failure(ctx context.Context, err error) error {
	if ended := contextError(ctx); ended != nil {
		return ended
	}
	var operation *net.OpError
	isDial := errors.As(err, &operation) && operation.Op == "dial"
	return connectionError(err, isDial)
}

// refusal returns the error that a response is.
func (t *httpTransport) refusal(ctx context.Context, response *http.Response) error {
	body, err := t.readAll(ctx, response)
	if err != nil {
		return err
	}
	message := http.StatusText(response.StatusCode)
	var decoded jsonMessage
	if isJSON(response) && json.Unmarshal(body, &decoded) == nil && decoded.Status.Msg != "" {
		message = decoded.Status.Msg
	} else if text := strings.TrimSpace(string(body)); text != "" && len(text) < 1000 {
		message = strings.Join(strings.Fields(text), " ")
	}
	return statusError(response.StatusCode, message, retryAfter(response.Header))
}

func retryAfter(headers http.Header) time.Duration {
	value := headers.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 && seconds < 1e9 {
		return time.Duration(seconds * float64(time.Second))
	}
	if date, err := http.ParseTime(value); err == nil && time.Until(date) > 0 {
		return time.Until(date)
	}
	return 0
}

func (t *httpTransport) readAll(ctx context.Context, response *http.Response) ([]byte, error) {
	limit := t.settings.maxResponseBytes
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)+1))
	if err != nil {
		return nil, failure(ctx, err)
	}
	if len(body) > limit {
		return nil, largeResponse(limit)
	}
	return body, nil
}

func largeResponse(limit int) error {
	message := fmt.Sprintf("the response is larger than %d bytes; see WithMaxResponseBytes", limit)
	return statusError(http.StatusRequestEntityTooLarge, message, 0)
}

func (t *httpTransport) modelMetadata(ctx context.Context, model string) (string, error) {
	body, err := appendMessage(nil, Text(model))
	if err != nil {
		return "", err
	}
	return t.text(ctx, http.MethodPost, "/grps/v1/metadata/model", body)
}

func (t *httpTransport) serverMetadata(ctx context.Context) (string, error) {
	return t.text(ctx, http.MethodGet, "/grps/v1/metadata/server", nil)
}

func (t *httpTransport) isReady(ctx context.Context) (bool, error) {
	response, err := t.send(ctx, http.MethodGet, "/grps/v1/health/ready", http.Header{}, nil)
	if errors.Is(err, ErrUnavailable) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	drain(response.Body)
	return true, nil
}

func (t *httpTransport) text(
	ctx context.Context, method, path string, body []byte,
) (string, error) {
	response, err := t.send(ctx, method, path, http.Header{"Content-Type": {jsonType}}, body)
	if err != nil {
		return "", err
	}
	defer drain(response.Body)
	answer, err := t.readAll(ctx, response)
	if err != nil {
		return "", err
	}
	result, err := readMessage(answer)
	if err != nil {
		return "", err
	}
	return result.Text()
}

func readMessage(body []byte) (*Result, error) {
	var message jsonMessage
	if err := json.Unmarshal(body, &message); err != nil {
		return nil, contentError("the response is malformed: %v", err)
	}
	return message.result()
}

func isJSON(response *http.Response) bool {
	return strings.HasPrefix(response.Header.Get("Content-Type"), jsonType)
}

// drain reads what little may be left of a body, so that its connection can be used again.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 1<<10)
	_ = body.Close()
}

// lines are the pieces of a stream, a line of JSON each.
type lines struct {
	ctx    context.Context
	body   io.ReadCloser
	reader *bufio.Reader
	limit  int
}

func (l *lines) close() { _ = l.body.Close() }

func (l *lines) next() (*Result, error) {
	var line []byte
	for {
		part, err := l.reader.ReadSlice('\n')
		if len(line)+len(part) > l.limit {
			return nil, largeResponse(l.limit)
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) == 0:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, failure(l.ctx, err)
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return readMessage(line)
		}
		line = line[:0]
	}
}
