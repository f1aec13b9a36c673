package grps

import (
	"fmt"
	"math"
)

// Float16 is a number of 16 bits in the format of IEEE 754, as its bits.
type Float16 uint16

// Element is a type of the elements of tensors. A string may hold any bytes.
type Element interface {
	uint8 | int8 | int16 | int32 | int64 | Float16 | float32 | float64 | string
}

// Tensor is a named array of elements in row-major order.
type Tensor struct {
	// Name is the input or output of the model; name all tensors of a request or none.
	Name string
	// Shape has the size of each dimension; a tensor without dimensions has one element.
	Shape []int

	data any
}

// TensorOf makes a tensor of a shape. It keeps data and does not copy it. A number of elements
// that does not match the shape is an error of the call that the tensor is given to.
func TensorOf[T Element](shape []int, data []T) *Tensor {
	return &Tensor{Shape: shape, data: data}
}

// Named sets the name and returns the tensor.
func (t *Tensor) Named(name string) *Tensor {
	t.Name = name
	return t
}

// Data returns the elements of a tensor, which are of type T, or else an error of kind
// ErrContent. It does not copy them.
func Data[T Element](t *Tensor) ([]T, error) {
	data, ok := t.data.([]T)
	if !ok {
		return nil, contentError("the tensor %q has elements of type %s, not %T",
			t.Name, t.ElementType(), *new(T))
	}
	return data, nil
}

// ElementType returns the name of the type of the elements, such as "float32".
func (t *Tensor) ElementType() string {
	if _, is := t.data.([]Float16); is {
		return "float16"
	}
	return fmt.Sprintf("%T", t.data)[len("[]"):]
}

// check returns an error if the elements do not fill the shape.
func (t *Tensor) check() error {
	count := 1
	for _, size := range t.Shape {
		if size < 0 || int64(size) > math.MaxUint32 {
			return invalid("the tensor %q has the shape %v", t.Name, t.Shape)
		}
		if size > 0 && count > math.MaxInt/size {
			return invalid("the tensor %q of shape %v is too large", t.Name, t.Shape)
		}
		count *= size
	}
	if has := t.length(); has != count {
		return invalid("the tensor %q of shape %v needs %d elements, not %d",
			t.Name, t.Shape, count, has)
	}
	return nil
}

func (t *Tensor) length() int {
	switch data := t.data.(type) {
	case []uint8:
		return len(data)
	case []int8:
		return len(data)
	case []int16:
		return len(data)
	case []int32:
		return len(data)
	case []int64:
		return len(data)
	case []Float16:
		return len(data)
	case []float32:
		return len(data)
	case []float64:
		return len(data)
	case []string:
		return len(data)
	}
	return -1
}

// Float32 returns the number as a float32, which is exact.
func (f Float16) Float32() float32 {
	sign := uint32(f>>15) << 31
	exponent, fraction := uint32(f>>10)&0x1f, uint32(f)&0x3ff
	switch {
	case exponent == 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	case exponent == 0: // zero, or a subnormal number
		value := float32(fraction) / (1 << 24)
		return math.Float32frombits(sign | math.Float32bits(value))
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// Float16Of returns the nearest number of 16 bits; halves are rounded to even.
func Float16Of(value float32) Float16 {
	bits := math.Float32bits(value)
	sign, magnitude := Float16(bits>>16)&0x8000, bits&0x7fffffff
	switch {
	case magnitude > 0xff<<23:
		return sign | 0x7e00 // not a number
	case magnitude >= (127+16)<<23:
		return sign | 0x7c00 // infinity
	case magnitude < (127-14)<<23: // subnormal: a multiple of 2 to the power of -24
		scaled := float64(math.Float32frombits(magnitude)) * (1 << 24)
		return sign | Float16(math.RoundToEven(scaled))
	}
	rounded := magnitude - (127-15)<<23 + 0xfff + magnitude>>13&1
	return sign | Float16(rounded>>13)
}
