package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	grps "github.com/NetEase-Media/grps/clients/go"
)

func checkModelError(p protocol) error {
	client := p.client()
	defer client.Close()
	_, err := answer(client, "no such luck", "fail")
	if err == nil || !strings.Contains(err.Error(), "no such luck") {
		return fmt.Errorf("got %w", err)
	}
	return expect(err, grps.ErrModel, 500)
}

func checkUnknownModel(p protocol) error {
	client := p.client()
	defer client.Close()
	_, err := answer(client, text, "nowhere")
	return expect(err, grps.ErrNotFound, 404)
}

func checkTLS(p protocol) error {
	client := p.secure("GRPS_CA", "GRPS_KEY")
	defer client.Close()
	if _, err := answer(client, text, "echo"); err != nil {
		return err
	}
	stranger := p.secure("GRPS_WRONG_CA", "GRPS_KEY")
	defer stranger.Close()
	_, err := answer(stranger, text, "echo")
	return expect(err, grps.ErrConnection, 0)
}

func checkKey(p protocol) error {
	client := p.secure("GRPS_CA", "GRPS_KEY")
	defer client.Close()
	if _, err := answer(client, text, "echo"); err != nil {
		return err
	}
	stranger := p.secure("GRPS_CA", "")
	defer stranger.Close()
	_, err := answer(stranger, text, "echo")
	return expect(err, grps.ErrUnauthenticated, 401)
}

func checkTooLarge(p protocol) error {
	client := p.client()
	defer client.Close()
	given := grps.Bytes(make([]byte, 5<<20))
	_, err := client.Predict(context.Background(), given, grps.Model("echo"))
	return expect(err, grps.ErrTooLarge, 413)
}

func checkRateLimited(p protocol) error {
	client := p.secure("GRPS_CA", "GRPS_LIMITED_KEY_"+strings.ToUpper(p.name))
	defer client.Close()
	if _, err := answer(client, text, "echo"); err != nil {
		return err
	}
	_, err := answer(client, text, "echo")
	// The key is for one call in 1000 s.
	return expectPause(err, grps.ErrTooManyRequests, 429, 900*time.Second, 1000*time.Second)
}

// expectPause returns an error unless err is of a kind, has a code, and says to wait from least to most.
func expectPause(err, kind error, code int, least, most time.Duration) error {
	if wrong := expect(err, kind, code); wrong != nil {
		return wrong
	}
	var failed *grps.Error
	if errors.As(err, &failed) && (failed.RetryAfter < least || failed.RetryAfter > most) {
		return fmt.Errorf("retry after %v", failed.RetryAfter)
	}
	return nil
}

func checkOverloaded(p protocol) error {
	client := p.client(grps.WithRetries(0))
	defer client.Close()
	ended := make(chan error, 4)
	for i := 0; i < cap(ended); i++ {
		go func() {
			_, err := answer(client, "300", "busy")
			ended <- err
		}()
	}
	refused := 0
	for i := 0; i < cap(ended); i++ {
		if err := <-ended; err != nil {
			refused++
			if wrong := expectPause(err, grps.ErrTooManyRequests, 429, time.Second, time.Second); wrong != nil {
				return wrong
			}
		}
	}
	if refused == 0 || refused == cap(ended) {
		return fmt.Errorf("%d of %d calls were refused", refused, cap(ended))
	}
	return nil
}

func checkUnavailable(p protocol) error {
	client := p.secure("GRPS_CA", "GRPS_KEY")
	defer client.Close()
	_, err := answer(client, text, "absent")
	return expectPause(err, grps.ErrUnavailable, 503, time.Second, time.Second)
}

func checkRetry(p protocol) error {
	word := fmt.Sprintf("go %s %d %d", p.name, os.Getpid(), time.Now().UnixNano())
	client := p.client()
	defer client.Close()
	got, err := answer(client, word, "flaky")
	if err != nil || got != word {
		return fmt.Errorf("got %q: %w", got, err)
	}
	once := p.client(grps.WithRetries(0))
	defer once.Close()
	_, err = answer(once, word+" once", "flaky")
	if wrong := expect(err, grps.ErrTooManyRequests, 429); wrong != nil {
		return wrong
	}
	twice := p.secure("GRPS_CA", "GRPS_KEY", grps.WithRetries(1))
	defer twice.Close()
	begin := time.Now()
	_, err = answer(twice, text, "absent")
	if took := time.Since(begin); took < time.Second {
		return fmt.Errorf("the call was not repeated after Retry-After: %v", took)
	}
	return expect(err, grps.ErrUnavailable, 503)
}

func checkConcurrent(p protocol) error {
	client := p.client(grps.WithConnections(8))
	defer client.Close()
	words, errs := make(chan int), make(chan error, 200)
	var all sync.WaitGroup
	for worker := 0; worker < 32; worker++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for number := range words {
				got, err := answer(client, strconv.Itoa(number), "echo")
				if err == nil && got != strconv.Itoa(number) {
					err = fmt.Errorf("%d became %q", number, got)
				}
				if err != nil {
					errs <- err
				}
			}
		}()
	}
	for number := 0; number < 200; number++ {
		words <- number
	}
	close(words)
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	count, err := connections(p.address("GRPS"))
	if err == nil && (count < 1 || count > 8) {
		err = fmt.Errorf("%d connections", count)
	}
	return err
}

// connections counts those that are established to an address of this machine.
func connections(address string) (int, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return 0, err
	}
	file, err := os.Open("/proc/self/net/tcp")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	remote, count := fmt.Sprintf(":%04X", number), 0
	const established = "01"
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 3 && strings.HasSuffix(fields[2], remote) && fields[3] == established {
			count++
		}
	}
	return count, nil
}
