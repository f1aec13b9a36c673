package grps

import (
	"unicode/utf8"

	"github.com/NetEase-Media/grps/clients/go/internal/pb"
)

func dataTypeOf(t *Tensor) pb.DataType {
	switch t.data.(type) {
	case []uint8:
		return pb.DataType_DT_UINT8
	case []int8:
		return pb.DataType_DT_INT8
	case []int16:
		return pb.DataType_DT_INT16
	case []int32:
		return pb.DataType_DT_INT32
	case []int64:
		return pb.DataType_DT_INT64
	case []Float16:
		return pb.DataType_DT_FLOAT16
	case []float32:
		return pb.DataType_DT_FLOAT32
	case []float64:
		return pb.DataType_DT_FLOAT64
	case []string:
		return pb.DataType_DT_STRING
	}
	return pb.DataType_DT_INVALID
}

func toMessage(in Input, model string) (*pb.GrpsMessage, error) {
	message := &pb.GrpsMessage{Model: model}
	switch {
	case in.text != nil:
		message.DataOneof = &pb.GrpsMessage_StrData{StrData: *in.text}
	case in.bytes != nil:
		message.DataOneof = &pb.GrpsMessage_BinData{BinData: in.bytes}
	case in.tensors != nil:
		tensors := make([]*pb.GenericTensor, len(in.tensors))
		for i, tensor := range in.tensors {
			tensors[i] = toProto(tensor)
		}
		data := &pb.GenericTensorData{Tensors: tensors}
		message.DataOneof = &pb.GrpsMessage_Gtensors{Gtensors: data}
	default:
		return nil, invalid("an NDArray can be sent over HTTP only; send Tensors")
	}
	return message, nil
}

func toProto(t *Tensor) *pb.GenericTensor {
	message := &pb.GenericTensor{Name: t.Name, Dtype: dataTypeOf(t)}
	message.Shape = converted(t.Shape, func(size int) uint32 { return uint32(size) })
	switch data := t.data.(type) {
	case []uint8:
		message.FlatUint8 = converted(data, func(v uint8) uint32 { return uint32(v) })
	case []int8:
		message.FlatInt8 = converted(data, func(v int8) int32 { return int32(v) })
	case []int16:
		message.FlatInt16 = converted(data, func(v int16) int32 { return int32(v) })
	case []int32:
		message.FlatInt32 = data
	case []int64:
		message.FlatInt64 = data
	case []Float16:
		message.FlatFloat16 = converted(data, Float16.Float32)
	case []float32:
		message.FlatFloat32 = data
	case []float64:
		message.FlatFloat64 = data
	case []string:
		if areTexts(data) {
			message.FlatString = data
		} else {
			message.FlatBytes = converted(data, func(v string) []byte { return []byte(v) })
		}
	}
	return message
}

func areTexts(values []string) bool {
	for _, value := range values {
		if !utf8.ValidString(value) {
			return false
		}
	}
	return true
}

// fromMessage returns the data of a message, or the error that its status is.
func fromMessage(message *pb.GrpsMessage) (*Result, error) {
	status := message.GetStatus()
	if status.GetStatus() == pb.Status_FAILURE {
		return nil, statusError(int(status.GetCode()), status.GetMsg(), 0)
	}
	switch data := message.GetDataOneof().(type) {
	case *pb.GrpsMessage_StrData:
		return &Result{text: &data.StrData}, nil
	case *pb.GrpsMessage_BinData:
		if data.BinData == nil {
			return &Result{bytes: []byte{}}, nil
		}
		return &Result{bytes: data.BinData}, nil
	case *pb.GrpsMessage_Gtensors:
		found := &Result{tensors: []*Tensor{}}
		for _, one := range data.Gtensors.GetTensors() {
			tensor, err := fromProto(one)
			if err != nil {
				return nil, err
			}
			found.tensors = append(found.tensors, tensor)
		}
		return found, nil
	}
	return &Result{}, nil
}

func fromProto(message *pb.GenericTensor) (*Tensor, error) {
	t := &Tensor{Name: message.GetName()}
	t.Shape = converted(message.GetShape(), func(size uint32) int { return int(size) })
	switch message.GetDtype() {
	case pb.DataType_DT_UINT8:
		t.data = converted(message.GetFlatUint8(), func(v uint32) uint8 { return uint8(v) })
	case pb.DataType_DT_INT8:
		t.data = converted(message.GetFlatInt8(), func(v int32) int8 { return int8(v) })
	case pb.DataType_DT_INT16:
		t.data = converted(message.GetFlatInt16(), func(v int32) int16 { return int16(v) })
	case pb.DataType_DT_INT32:
		t.data = message.GetFlatInt32()
	case pb.DataType_DT_INT64:
		t.data = message.GetFlatInt64()
	case pb.DataType_DT_FLOAT16:
		t.data = converted(message.GetFlatFloat16(), Float16Of)
	case pb.DataType_DT_FLOAT32:
		t.data = message.GetFlatFloat32()
	case pb.DataType_DT_FLOAT64:
		t.data = message.GetFlatFloat64()
	case pb.DataType_DT_STRING:
		t.data = message.GetFlatString()
		if elements := message.GetFlatBytes(); len(elements) > 0 {
			t.data = converted(elements, func(v []byte) string { return string(v) })
		}
	default:
		return nil, contentError("the tensor %q has the unknown type %v", t.Name, message.GetDtype())
	}
	return t, checked(t)
}
