//go:build service

package cookbook

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	grps "github.com/NetEase-Media/grps/clients/go"
)

const page = "../../../../docs/clients/go.md"

func TestBlocksRun(t *testing.T) {
	for _, one := range []struct {
		protocol grps.Protocol
		variable string
	}{{grps.HTTP, "GRPS_HTTP"}, {grps.GRPC, "GRPS_GRPC"}} {
		client, err := grps.NewClient(os.Getenv(one.variable), grps.WithProtocol(one.protocol))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		runAll(t, client)
	}
}

func runAll(t *testing.T, client *grps.Client) {
	source, err := filepath.Abs(page)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "cat.jpg"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chdir(folder); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chdir(here) }()
	ctx := context.Background()
	address, authority, key := os.Getenv("GRPS_TLS_HTTP"), os.Getenv("GRPS_CA"), os.Getenv("GRPS_KEY")
	for name, err := range map[string]error{
		"first call":   runFirstCall(ctx),
		"tensors":      runTensors(ctx, client),
		"files":        runFiles(ctx, client),
		"streams":      runStreams(ctx, client),
		"deadline":     runDeadline(ctx, client),
		"errors":       runErrors(ctx, client),
		"keys":         runKeys(ctx, address, authority, key),
		"many calls":   runManyCalls(ctx, client),
		"descriptions": runDescriptions(ctx, client),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBlocksAreThoseOfThePage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("blocks_test.go")
	if err != nil {
		t.Fatal(err)
	}
	code := strings.ReplaceAll(string(source), `os.Getenv("GRPS_HTTP")`, `"localhost:7080"`)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	for _, block := range blocks {
		lines := strings.Split(strings.TrimRight(block[1], "\n"), "\n")
		if body := "\t" + strings.Join(lines, "\n\t") + "\n"; !strings.Contains(code, body) {
			t.Errorf("blocks_test.go lacks:\n%s", block[1])
		}
	}
}
