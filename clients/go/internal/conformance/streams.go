package main

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	grps "github.com/NetEase-Media/grps/clients/go"
)

// readNumbers reads pieces that are their own number, with spaces after it up to a size.
func readNumbers(p protocol, request string, size int, each func() error) (int, error) {
	client := p.client()
	defer client.Close()
	stream, err := client.Stream(context.Background(), grps.Text(request), grps.Model("count"))
	if err != nil {
		return 0, err
	}
	defer stream.Close()
	count := 0
	for ; stream.Next(); count++ {
		piece, err := stream.Result().Text()
		if err != nil {
			return count, err
		}
		if len(piece) < size || strings.TrimRight(piece, " ") != strconv.Itoa(count) {
			return count, fmt.Errorf("piece %d is %.20q", count, piece)
		}
		if err := each(); err != nil {
			return count, err
		}
	}
	return count, stream.Err()
}

func checkStream(p protocol) error {
	count, err := readNumbers(p, "10000", 1, func() error { return nil })
	if err == nil && count != 10_000 {
		err = fmt.Errorf("%d pieces", count)
	}
	return err
}

func checkSlowReader(p protocol) error {
	heap := func() uint64 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapInuse
	}
	runtime.GC()
	before := heap()
	count, err := readNumbers(p, "200 500000", 500_000, func() error {
		if now := heap(); now > before+48<<20 {
			return fmt.Errorf("%d bytes in memory, %d before", now, before)
		}
		time.Sleep(5 * time.Millisecond)
		return nil
	})
	if err == nil && count != 200 {
		err = fmt.Errorf("%d pieces", count)
	}
	return err
}

func checkCancelUnary(p protocol) error {
	client := p.client()
	defer client.Close()
	return seenByModel(func() error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		ended := make(chan error, 1)
		go func() {
			_, err := client.Predict(ctx, grps.Text("20000"), grps.Model("sleep"))
			ended <- err
		}()
		if err := waitFor("no call runs", func(c counts) bool { return c.Running > 0 }); err != nil {
			return err
		}
		cancel()
		return expect(<-ended, grps.ErrCancelled, 499)
	})
}

func checkCancelStream(p protocol) error {
	client := p.client()
	defer client.Close()
	err := seenByModel(func() error {
		stream, err := client.Stream(context.Background(), grps.Text("-1"), grps.Model("count"))
		if err != nil {
			return err
		}
		for i := 0; i < 3; i++ {
			if !stream.Next() {
				return fmt.Errorf("no piece %d: %w", i, stream.Err())
			}
		}
		return stream.Close()
	})
	if err != nil {
		return err
	}
	_, err = answer(client, text, "echo")
	return err
}

func checkDeadline(p protocol) error {
	client := p.client()
	defer client.Close()
	return seenByModel(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		defer cancel()
		begin := time.Now()
		_, err := client.Predict(ctx, grps.Text("20000"), grps.Model("sleep"))
		if took := time.Since(begin); took > patience {
			return fmt.Errorf("it took %v", took)
		}
		return expect(err, grps.ErrDeadlineExceeded, 504)
	})
}
