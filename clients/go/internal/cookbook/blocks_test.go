//go:build service

package cookbook

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"
	"time"

	grps "github.com/NetEase-Media/grps/clients/go"
)

// The bodies of these functions are the blocks of docs/clients/go.md, in its order.

func runFirstCall(ctx context.Context) error {
	client, err := grps.NewClient(os.Getenv("GRPS_HTTP"))
	if err != nil {
		return err
	}
	defer client.Close()
	result, err := client.Predict(ctx, grps.Text("hello"), grps.Model("echo"))
	if err != nil {
		return err
	}
	fmt.Println(result)
	return nil
}

func runTensors(ctx context.Context, client *grps.Client) error {
	x := grps.TensorOf([]int{1, 2}, []float32{1, 2}).Named("x")
	result, err := client.Predict(ctx, grps.Tensors(x), grps.Model("echo"))
	if err != nil {
		return err
	}
	y, err := result.Tensor("x")
	if err != nil {
		return err
	}
	data, err := grps.Data[float32](y)
	if err != nil {
		return err
	}
	fmt.Println(y.Shape, data)
	return nil
}

func runFiles(ctx context.Context, client *grps.Client) error {
	image, err := os.ReadFile("cat.jpg")
	if err != nil {
		return err
	}
	result, err := client.Predict(ctx, grps.Bytes(image), grps.Model("echo"))
	if err != nil {
		return err
	}
	answer, err := result.Bytes()
	if err != nil {
		return err
	}
	fmt.Println(len(answer))
	return nil
}

func runStreams(ctx context.Context, client *grps.Client) error {
	stream, err := client.Stream(ctx, grps.Text("3"), grps.Model("count"))
	if err != nil {
		return err
	}
	defer stream.Close()
	for stream.Next() {
		fmt.Println(stream.Result())
	}
	if err := stream.Err(); err != nil {
		return err
	}
	return nil
}

func runDeadline(ctx context.Context, client *grps.Client) error {
	ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err := client.Predict(ctx, grps.Text("10000"), grps.Model("sleep"))
	if errors.Is(err, grps.ErrDeadlineExceeded) {
		fmt.Println("too slow")
	}
	return nil
}

func runErrors(ctx context.Context, client *grps.Client) error {
	_, err := client.Predict(ctx, grps.Text("hello"), grps.Model("nobody"))
	var failed *grps.Error
	if errors.Is(err, grps.ErrNotFound) {
		fmt.Println("no such model")
	} else if errors.As(err, &failed) {
		fmt.Println(failed.Code, failed.Message, failed.RetryAfter)
	}
	return nil
}

func runKeys(ctx context.Context, address, authority, key string) error {
	client, err := grps.NewClient(address, grps.WithCAFile(authority), grps.WithKey(key))
	if err != nil {
		return err
	}
	defer client.Close()
	result, err := client.Predict(ctx, grps.Text("hello"), grps.Model("echo"))
	if err != nil {
		return err
	}
	fmt.Println(result)
	return nil
}

func runManyCalls(ctx context.Context, client *grps.Client) error {
	var all sync.WaitGroup
	for number := 0; number < 16; number++ {
		all.Add(1)
		go func(number int) {
			defer all.Done()
			given := grps.Text(strconv.Itoa(number))
			if _, err := client.Predict(ctx, given, grps.Model("echo")); err != nil {
				log.Print(err)
			}
		}(number)
	}
	all.Wait()
	return nil
}

func runDescriptions(ctx context.Context, client *grps.Client) error {
	description, err := client.ModelMetadata(ctx, "echo-1.0.0")
	if err != nil {
		return err
	}
	ready, err := client.IsReady(ctx)
	fmt.Println(description, ready, err)
	return nil
}
