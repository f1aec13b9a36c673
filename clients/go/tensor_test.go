package grps

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
)

func TestEveryFloat16SurvivesAsFloat32(t *testing.T) {
	for bits := 0; bits <= math.MaxUint16; bits++ {
		given := Float16(bits)
		value := given.Float32()
		got := Float16Of(value)
		if math.IsNaN(float64(value)) {
			if !math.IsNaN(float64(got.Float32())) {
				t.Fatalf("%#x is not a number, %#x is", bits, got)
			}
		} else if got != given {
			t.Fatalf("%#x became %#x", bits, got)
		}
	}
}

func TestFloat16IsTheNearestNumber(t *testing.T) {
	for value, wanted := range map[float32]Float16{
		1: 0x3c00, -2: 0xc000, 65504: 0x7bff, 65519: 0x7bff, 65520: 0x7c00, 1e10: 0x7c00,
		1 + 1.0/2048: 0x3c00, 1 + 3.0/2048: 0x3c02, 1.0 / (1 << 25): 0, 3.0 / (1 << 25): 2,
		1.0/(1<<14) - 1.0/(1<<26): 0x0400,
	} {
		if got := Float16Of(value); got != wanted {
			t.Errorf("%v is %#x, not %#x", value, got, wanted)
		}
	}
}

func TestDataHasOneType(t *testing.T) {
	tensor := TensorOf([]int{2}, []float32{1, 2}).Named("x")
	if data, err := Data[float32](tensor); err != nil || len(data) != 2 {
		t.Errorf("%v, %v", data, err)
	}
	if _, err := Data[float64](tensor); !errors.Is(err, ErrContent) {
		t.Errorf("got %v", err)
	}
}

func TestWrongInputsAreRefused(t *testing.T) {
	for name, input := range map[string]Input{
		"too few":   Tensors(TensorOf([]int{2, 2}, []int32{1, 2, 3})),
		"negative":  Tensors(TensorOf([]int{-1}, []int32{})),
		"overflow":  Tensors(TensorOf([]int{math.MaxUint32, math.MaxUint32, 8}, []int32{})),
		"no data":   Tensors(&Tensor{Name: "x", Shape: []int{0}}),
		"nil":       Tensors(nil),
		"not UTF-8": Text("\xff"),
		"nothing":   {},
	} {
		if err := input.check(); !errors.Is(err, ErrInvalidRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, input := range []Input{Text(""), Bytes(nil), Tensors(), Tensors(TensorOf(nil, []int8{1}))} {
		if err := input.check(); err != nil {
			t.Error(err)
		}
	}
}

func TestJSONIsValidForEveryElement(t *testing.T) {
	texts := []string{"a\"\\\n<&>", "\xff\x00", "世界\u2028"}
	floats := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e300, 5e-324, -0.1}
	written, err := appendMessage(nil, Tensors(
		TensorOf([]int{3}, texts).Named("texts"), TensorOf([]int{6}, floats).Named("floats")))
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		GTensors struct {
			Tensors []struct {
				FlatString  []jsonText    `json:"flat_string"`
				FlatFloat64 []jsonFloat64 `json:"flat_float64"`
			} `json:"tensors"`
		} `json:"gtensors"`
	}
	if err := json.Unmarshal(written, &read); err != nil {
		t.Fatalf("%v: %s", err, written)
	}
	for i, text := range texts {
		if got := read.GTensors.Tensors[0].FlatString[i]; string(got) != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	for i, value := range floats {
		got := float64(read.GTensors.Tensors[1].FlatFloat64[i])
		if got != value && !(math.IsNaN(got) && math.IsNaN(value)) {
			t.Errorf("%v became %v", value, got)
		}
	}
}

func TestMalformedResponsesAreErrors(t *testing.T) {
	for _, body := range []string{
		``, `[]`, `{"gtensors":{"tensors":[{"dtype":"DT_INT8","shape":[2],"flat_int8":[1]}]}}`,
		`{"gtensors":{"tensors":[{"dtype":"DT_ODD","shape":[0]}]}}`,
		`{"gtensors":{"tensors":[{"dtype":"DT_INT8","shape":[1],"flat_int8":[300]}]}}`,
		`{"gtensors":{"tensors":[{"dtype":"DT_INT8","shape":[-1],"flat_int8":[]}]}}`,
		`{"gtensors":{"tensors":[{"dtype":"DT_FLOAT32","shape":[1],"flat_float32":["x"]}]}}`,
		`{"gtensors":{"tensors":[{"dtype":"DT_UINT8","shape":[1],"flat_uint8":[256]}]}}`,
	} {
		if result, err := readMessage([]byte(body)); !errors.Is(err, ErrContent) {
			t.Errorf("%s: %v, %v", body, result, err)
		}
	}
}

func TestAccessorsSayWhatThereIs(t *testing.T) {
	result, err := readMessage([]byte(`{"status":{"code":200,"status":"SUCCESS"},"str_data":"hi"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := result.Bytes(); err == nil || err.Error() !=
		"grps: wrong content: the result has no bytes; it has a text" {
		t.Error(err)
	}
	_, err = readMessage([]byte(`{"status":{"code":404,"msg":"no x","status":"FAILURE"}}`))
	if !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}
