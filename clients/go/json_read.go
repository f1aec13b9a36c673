package grps

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/NetEase-Media/grps/clients/go/internal/pb"
)

// jsonMessage is a response as JSON.
type jsonMessage struct {
	Status struct {
		Code   int    `json:"code"`
		Msg    string `json:"msg"`
		Status string `json:"status"`
	} `json:"status"`
	StrData  *string `json:"str_data"`
	BinData  []byte  `json:"bin_data"`
	NDArray  any     `json:"ndarray"`
	GTensors *struct {
		Tensors []jsonTensor `json:"tensors"`
	} `json:"gtensors"`
}

type jsonTensor struct {
	Name        string        `json:"name"`
	DType       string        `json:"dtype"`
	Shape       []int         `json:"shape"`
	FlatUint8   []jsonUint8   `json:"flat_uint8"`
	FlatInt8    []int8        `json:"flat_int8"`
	FlatInt16   []int16       `json:"flat_int16"`
	FlatInt32   []int32       `json:"flat_int32"`
	FlatInt64   []jsonInt64   `json:"flat_int64"`
	FlatFloat16 []jsonFloat32 `json:"flat_float16"`
	FlatFloat32 []jsonFloat32 `json:"flat_float32"`
	FlatFloat64 []jsonFloat64 `json:"flat_float64"`
	FlatString  []jsonText    `json:"flat_string"`
}

// result returns the data of a message, or the error that its status is.
func (m *jsonMessage) result() (*Result, error) {
	if m.Status.Status == "FAILURE" {
		return nil, statusError(m.Status.Code, m.Status.Msg, 0)
	}
	found := &Result{text: m.StrData, bytes: m.BinData, ndarray: m.NDArray}
	if m.GTensors == nil {
		return found, nil
	}
	found.tensors = make([]*Tensor, 0, len(m.GTensors.Tensors))
	for i := range m.GTensors.Tensors {
		tensor, err := m.GTensors.Tensors[i].tensor()
		if err != nil {
			return nil, err
		}
		found.tensors = append(found.tensors, tensor)
	}
	return found, nil
}

func (j *jsonTensor) tensor() (*Tensor, error) {
	t := &Tensor{Name: j.Name, Shape: j.Shape}
	switch pb.DataType(pb.DataType_value[j.DType]) {
	case pb.DataType_DT_UINT8:
		t.data = converted(j.FlatUint8, func(v jsonUint8) uint8 { return uint8(v) })
	case pb.DataType_DT_INT8:
		t.data = converted(j.FlatInt8, same[int8])
	case pb.DataType_DT_INT16:
		t.data = converted(j.FlatInt16, same[int16])
	case pb.DataType_DT_INT32:
		t.data = converted(j.FlatInt32, same[int32])
	case pb.DataType_DT_INT64:
		t.data = converted(j.FlatInt64, func(v jsonInt64) int64 { return int64(v) })
	case pb.DataType_DT_FLOAT16:
		t.data = converted(j.FlatFloat16, func(v jsonFloat32) Float16 { return Float16Of(float32(v)) })
	case pb.DataType_DT_FLOAT32:
		t.data = converted(j.FlatFloat32, func(v jsonFloat32) float32 { return float32(v) })
	case pb.DataType_DT_FLOAT64:
		t.data = converted(j.FlatFloat64, func(v jsonFloat64) float64 { return float64(v) })
	case pb.DataType_DT_STRING:
		t.data = converted(j.FlatString, func(v jsonText) string { return string(v) })
	default:
		return nil, contentError("the tensor %q has the unknown type %q", j.Name, j.DType)
	}
	return t, checked(t)
}

// checked refuses a tensor of a response whose elements do not fill its shape.
func checked(t *Tensor) error {
	if err := t.check(); err != nil {
		return contentError("the response is malformed: %v", err)
	}
	return nil
}

func converted[From, To any](values []From, one func(From) To) []To {
	result := make([]To, len(values))
	for i, value := range values {
		result[i] = one(value)
	}
	return result
}

func same[T any](value T) T { return value }

type (
	jsonUint8   uint16 // encoding/json reads []uint8 as base64
	jsonInt64   int64
	jsonFloat32 float32
	jsonFloat64 float64
	jsonText    string
)

// UnmarshalJSON reads a number of 8 bits.
func (v *jsonUint8) UnmarshalJSON(text []byte) error {
	number, err := strconv.ParseUint(unquoted(text), 10, 8)
	*v = jsonUint8(number)
	return err
}

// UnmarshalJSON reads a number, or a string with a number.
func (v *jsonInt64) UnmarshalJSON(text []byte) error {
	number, err := strconv.ParseInt(unquoted(text), 10, 64)
	*v = jsonInt64(number)
	return err
}

// UnmarshalJSON reads a number, or a string such as "NaN".
func (v *jsonFloat32) UnmarshalJSON(text []byte) error {
	number, err := strconv.ParseFloat(unquoted(text), 32)
	*v = jsonFloat32(number)
	return err
}

// UnmarshalJSON reads a number, or a string such as "NaN".
func (v *jsonFloat64) UnmarshalJSON(text []byte) error {
	number, err := strconv.ParseFloat(unquoted(text), 64)
	*v = jsonFloat64(number)
	return err
}

// UnmarshalJSON reads a string, or bytes as {"b64": "..."}.
func (v *jsonText) UnmarshalJSON(text []byte) error {
	if text[0] != '{' {
		return json.Unmarshal(text, (*string)(v))
	}
	var encoded struct {
		B64 []byte `json:"b64"`
	}
	if err := json.Unmarshal(text, &encoded); err != nil {
		return fmt.Errorf("an element of bytes: %w", err)
	}
	*v = jsonText(encoded.B64)
	return nil
}

func unquoted(text []byte) string { return string(bytes.Trim(text, `"`)) }
