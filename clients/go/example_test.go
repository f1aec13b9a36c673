package grps_test

import (
	"context"
	"fmt"
	"log"

	grps "github.com/NetEase-Media/grps/clients/go"
)

func ExampleTensorOf() {
	tensor := grps.TensorOf([]int{2, 2}, []float32{1, 2, 3, 4}).Named("x")
	data, err := grps.Data[float32](tensor)
	fmt.Println(tensor.Name, tensor.ElementType(), tensor.Shape, data, err)
	// Output: x float32 [2 2] [1 2 3 4] <nil>
}

func ExampleClient_Predict() {
	client, err := grps.NewClient("localhost:7080")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	result, err := client.Predict(context.Background(), grps.Text("hello"), grps.Model("echo"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result)
}

func ExampleClient_Stream() {
	client, err := grps.NewClient("localhost:7081", grps.WithProtocol(grps.GRPC))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	stream, err := client.Stream(context.Background(), grps.Text("3"), grps.Model("count"))
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	for stream.Next() {
		fmt.Println(stream.Result())
	}
	if err := stream.Err(); err != nil {
		log.Fatal(err)
	}
}
