package grps

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"
)

// appendMessage appends a request as JSON; bytes are no JSON.
func appendMessage(out []byte, in Input) ([]byte, error) {
	switch {
	case in.text != nil:
		return append(appendText(append(out, `{"str_data":`...), *in.text), '}'), nil
	case in.ndarray != nil:
		lists, err := json.Marshal(in.ndarray)
		if err != nil {
			return nil, invalid("the ndarray can't be written as JSON: %v", err)
		}
		return append(append(append(out, `{"ndarray":`...), lists...), '}'), nil
	}
	out = append(out, `{"gtensors":{"tensors":[`...)
	for i, tensor := range in.tensors {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendTensor(out, tensor)
	}
	return append(out, `]}}`...), nil
}

func appendTensor(out []byte, t *Tensor) []byte {
	out = appendText(append(out, `{"name":`...), t.Name)
	out = strconv.AppendInt(append(out, `,"dtype":`...), int64(dataTypeOf(t)), 10)
	out = append(out, `,"shape":`...)
	out = appendList(out, t.Shape, func(out []byte, size int) []byte {
		return strconv.AppendInt(out, int64(size), 10)
	})
	out = append(append(append(out, `,"flat_`...), t.ElementType()...), `":`...)
	switch data := t.data.(type) {
	case []uint8:
		out = appendList(out, data, appendInteger[uint8])
	case []int8:
		out = appendList(out, data, appendInteger[int8])
	case []int16:
		out = appendList(out, data, appendInteger[int16])
	case []int32:
		out = appendList(out, data, appendInteger[int32])
	case []int64:
		out = appendList(out, data, appendInteger[int64])
	case []Float16:
		out = appendList(out, data, func(out []byte, value Float16) []byte {
			return appendFloat(out, float64(value.Float32()), 32)
		})
	case []float32:
		out = appendList(out, data, func(out []byte, value float32) []byte {
			return appendFloat(out, float64(value), 32)
		})
	case []float64:
		out = appendList(out, data, func(out []byte, value float64) []byte {
			return appendFloat(out, value, 64)
		})
	case []string:
		out = appendList(out, data, appendElement)
	}
	return append(out, '}')
}

func appendList[T any](out []byte, values []T, one func([]byte, T) []byte) []byte {
	out = append(out, '[')
	for i, value := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = one(out, value)
	}
	return append(out, ']')
}

func appendInteger[T uint8 | int8 | int16 | int32 | int64](out []byte, value T) []byte {
	return strconv.AppendInt(out, int64(value), 10)
}

// appendFloat writes what JSON has no numbers for as strings.
func appendFloat(out []byte, value float64, bits int) []byte {
	switch {
	case math.IsNaN(value):
		return append(out, `"NaN"`...)
	case math.IsInf(value, 1):
		return append(out, `"Infinity"`...)
	case math.IsInf(value, -1):
		return append(out, `"-Infinity"`...)
	}
	return strconv.AppendFloat(out, value, 'g', -1, bits)
}

// appendElement writes an element that is not UTF-8 in base64.
func appendElement(out []byte, value string) []byte {
	if utf8.ValidString(value) {
		return appendText(out, value)
	}
	out = append(out, `{"b64":"`...)
	out = append(out, base64.StdEncoding.EncodeToString([]byte(value))...)
	return append(out, `"}`...)
}

func appendText(out []byte, text string) []byte {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(text) // a string can always be written
	return append(out, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...)
}
