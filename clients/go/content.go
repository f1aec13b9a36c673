package grps

import (
	"fmt"
	"unicode/utf8"
)

// Input is what a call sends: Text, Bytes, Tensors or NDArray.
type Input struct {
	text    *string
	bytes   []byte
	tensors []*Tensor
	ndarray any
}

// Text is a text in UTF-8.
func Text(text string) Input { return Input{text: &text} }

// Bytes are sent as they are, such as an encoded image.
func Bytes(data []byte) Input {
	if data == nil {
		data = []byte{}
	}
	return Input{bytes: data}
}

// Tensors are typed arrays.
func Tensors(tensors ...*Tensor) Input {
	if tensors == nil {
		tensors = []*Tensor{}
	}
	return Input{tensors: tensors}
}

// NDArray is anything that encoding/json writes as nested lists of equal length, such as
// [][]float64. It exists over HTTP only.
func NDArray(lists any) Input { return Input{ndarray: lists} }

func (in Input) check() error {
	if in.text != nil && !utf8.ValidString(*in.text) {
		return invalid("the text is not UTF-8; send it as Bytes")
	}
	for _, tensor := range in.tensors {
		if tensor == nil {
			return invalid("a tensor is nil")
		}
		if err := tensor.check(); err != nil {
			return err
		}
	}
	if in.text == nil && in.bytes == nil && in.tensors == nil && in.ndarray == nil {
		return invalid("the input is empty; make it by Text, Bytes, Tensors or NDArray")
	}
	return nil
}

// Result is an answer of a model.
type Result struct {
	text    *string
	bytes   []byte
	tensors []*Tensor
	ndarray any
}

// Text returns the text that the model answered.
func (r *Result) Text() (string, error) {
	if r.text == nil {
		return "", r.lacks("text")
	}
	return *r.text, nil
}

// Bytes returns the bytes that the model answered.
func (r *Result) Bytes() ([]byte, error) {
	if r.bytes == nil {
		return nil, r.lacks("bytes")
	}
	return r.bytes, nil
}

// Tensors returns the tensors that the model answered, in its order.
func (r *Result) Tensors() ([]*Tensor, error) {
	if r.tensors == nil {
		return nil, r.lacks("tensors")
	}
	return r.tensors, nil
}

// Tensor returns the tensor of a name; with an empty name, the only one.
func (r *Result) Tensor(name string) (*Tensor, error) {
	if r.tensors == nil {
		return nil, r.lacks("tensors")
	}
	if name == "" && len(r.tensors) == 1 {
		return r.tensors[0], nil
	}
	names := make([]string, len(r.tensors))
	for i, tensor := range r.tensors {
		if tensor.Name == name {
			return tensor, nil
		}
		names[i] = tensor.Name
	}
	return nil, contentError("the result has no tensor %q; it has %q", name, names)
}

// NDArray returns nested lists ([]any) of numbers (float64) and strings; see AsNDArray.
func (r *Result) NDArray() (any, error) {
	if r.ndarray == nil {
		return nil, r.lacks("ndarray")
	}
	return r.ndarray, nil
}

// String returns the text, for fmt; of a result without one, it says what the result has.
func (r *Result) String() string {
	if r.text != nil {
		return *r.text
	}
	return "a result with " + r.content()
}

func (r *Result) lacks(wanted string) error {
	return contentError("the result has no %s; it has %s", wanted, r.content())
}

func (r *Result) content() string {
	switch {
	case r.text != nil:
		return "a text"
	case r.bytes != nil:
		return "bytes"
	case r.tensors != nil:
		return "tensors"
	case r.ndarray != nil:
		return "an ndarray"
	}
	return "nothing"
}

func contentError(format string, arguments ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, arguments...), kind: ErrContent}
}
