package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"

	grps "github.com/NetEase-Media/grps/clients/go"
)

func checkText(p protocol) error {
	client := p.client()
	defer client.Close()
	for _, given := range []string{text, "", "<&>", strings.Repeat("x", 100_000)} {
		got, err := answer(client, given, "echo")
		if err != nil {
			return err
		}
		if got != given {
			return fmt.Errorf("%.20q became %.20q", given, got)
		}
	}
	return nil
}

func checkBinary(p protocol) error {
	client := p.client()
	defer client.Close()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for _, given := range [][]byte{{0xff, 0, 0xfe}, bytes.Repeat(all, 1000), bytes.Repeat(all, 8000)} {
		result, err := client.Predict(context.Background(), grps.Bytes(given), grps.Model("echo"))
		if err != nil {
			return err
		}
		got, err := result.Bytes()
		if err != nil {
			return err
		}
		if !bytes.Equal(got, given) {
			return fmt.Errorf("%d bytes became %d others", len(given), len(got))
		}
	}
	return nil
}

func allTensors() []*grps.Tensor {
	floats := []float64{0.5, -1.25, math.Inf(1), math.Inf(-1), 1e-3}
	halves, singles := make([]grps.Float16, len(floats)), make([]float32, len(floats))
	for i, value := range floats {
		singles[i] = float32(value)
		halves[i] = grps.Float16Of(singles[i])
	}
	cube := make([]float64, 24)
	for i := range cube {
		cube[i] = float64(i)
	}
	three, five := []int{3}, []int{5}
	return []*grps.Tensor{
		grps.TensorOf(three, []uint8{0, 1, math.MaxUint8}).Named("uint8"),
		grps.TensorOf(three, []int8{math.MinInt8, 0, math.MaxInt8}).Named("int8"),
		grps.TensorOf(three, []int16{math.MinInt16, 0, math.MaxInt16}).Named("int16"),
		grps.TensorOf(three, []int32{math.MinInt32, 0, math.MaxInt32}).Named("int32"),
		grps.TensorOf(three, []int64{math.MinInt64, 0, math.MaxInt64}).Named("int64"),
		grps.TensorOf(five, halves).Named("float16"),
		grps.TensorOf(five, singles).Named("float32"),
		grps.TensorOf(five, floats).Named("float64"),
		grps.TensorOf([]int{4}, []string{"a", "", text, "\xff\x00"}).Named("string"),
		grps.TensorOf([]int{2}, []string{"a", text}).Named("texts"),
		grps.TensorOf([]int{2, 0}, []float32{}).Named("empty"),
		grps.TensorOf([]int{2, 3, 4}, cube).Named("cube"),
	}
}

func checkTensors(p protocol) error {
	client := p.client()
	defer client.Close()
	given := allTensors()
	result, err := client.Predict(context.Background(), grps.Tensors(given...), grps.Model("echo"))
	if err != nil {
		return err
	}
	for _, wanted := range given {
		got, err := result.Tensor(wanted.Name)
		if err != nil {
			return err
		}
		if got.Name == "empty" {
			data, err := grps.Data[float32](got)
			if err != nil || len(data) != 0 || !reflect.DeepEqual(got.Shape, wanted.Shape) {
				return fmt.Errorf("the empty tensor has shape %v, %w", got.Shape, err)
			}
		} else if !reflect.DeepEqual(got, wanted) {
			return fmt.Errorf("%v became %v", wanted, got)
		}
	}
	notANumber := grps.TensorOf([]int{1}, []float32{float32(math.NaN())})
	if result, err = client.Predict(context.Background(), grps.Tensors(notANumber)); err != nil {
		return err
	}
	one, err := result.Tensor("")
	if err != nil {
		return err
	}
	data, err := grps.Data[float32](one)
	if err == nil && data[0] == data[0] {
		err = fmt.Errorf("NaN became %v", data[0])
	}
	return err
}

func checkNDArray(p protocol) error {
	client := p.client()
	defer client.Close()
	given := grps.NDArray([][]float64{{1, 2.5}, {3, 4}})
	result, err := client.Predict(context.Background(), given, grps.Model("echo"), grps.AsNDArray())
	if err != nil {
		return err
	}
	got, err := result.NDArray()
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got, []any{[]any{1.0, 2.5}, []any{3.0, 4.0}}) {
		return fmt.Errorf("got %v", got)
	}
	return nil
}

func checkMetadata(p protocol) error {
	client := p.client()
	defer client.Close()
	secure := p.secure("GRPS_CA", "GRPS_KEY")
	defer secure.Close()
	for _, one := range []struct {
		client *grps.Client
		wanted bool
	}{{client, true}, {secure, false}} {
		ready, err := one.client.IsReady(context.Background())
		if err != nil {
			return err
		}
		if ready != one.wanted {
			return fmt.Errorf("ready: %t", ready)
		}
	}
	described, err := client.ModelMetadata(context.Background(), "echo-1.0.0")
	if err != nil {
		return err
	}
	if !strings.Contains(described, "name: echo") {
		return fmt.Errorf("the model is %q", described)
	}
	_, err = client.ServerMetadata(context.Background())
	return err
}
