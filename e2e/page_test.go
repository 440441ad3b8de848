package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/otelgram/otelgram/exporter"
)

// browser is a headless Chromium with one page.
type browser struct {
	ctx context.Context

	mu       sync.Mutex
	requests map[string]bool
	errors   []string
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.ExecPath("chromium"))
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancelAllocator)
	t.Cleanup(cancel)
	ctx, cancelTimeout := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancelTimeout)
	b := &browser{ctx: ctx, requests: map[string]bool{}}
	chromedp.ListenTarget(ctx, b.note)
	require.NoError(t, chromedp.Run(ctx, network.Enable(), log.Enable()))
	return b
}

func (b *browser) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests[e.Request.URL] = true
	case *runtime.EventConsoleAPICalled:
		b.errors = append(b.errors, fmt.Sprint("console ", e.Type))
	case *runtime.EventExceptionThrown:
		b.errors = append(b.errors, e.ExceptionDetails.Error())
	case *log.EventEntryAdded:
		if !strings.Contains(e.Entry.Text, "ERR_CONNECTION_REFUSED") { // of a server that was closed
			b.errors = append(b.errors, e.Entry.Text)
		}
	}
}

func (b *browser) run(t *testing.T, actions ...chromedp.Action) {
	t.Helper()
	require.NoError(t, chromedp.Run(b.ctx, actions...))
}

// text returns what an element of the page says.
func (b *browser) text(t *testing.T, selector string) (s string) {
	t.Helper()
	b.run(t, chromedp.Text(selector, &s, chromedp.ByQuery))
	return s
}

func (b *browser) says(t *testing.T, selector, want string) {
	t.Helper()
	eventually(t, 40*time.Second, func() error {
		if got := b.text(t, selector); !strings.Contains(got, want) || selector == "#word" && got != want {
			return fmt.Errorf("%s says %q, not %q", selector, got, want)
		}
		return nil
	})
}

// shoot saves a picture of the page where SHOTS says, if it does.
func (b *browser) shoot(t *testing.T, name string, width, height int64, scheme string) {
	t.Helper()
	var picture []byte
	b.run(t, chromedp.EmulateViewport(width, height),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		chromedp.Evaluate("draw()", nil), chromedp.FullScreenshot(&picture, 100))
	assert.NotEmpty(t, picture)
	if dir := os.Getenv("SHOTS"); dir != "" {
		require.NoError(t, os.WriteFile(dir+"/"+name+".png", picture, 0o600))
	}
	var overflow bool
	b.run(t, chromedp.Evaluate("document.documentElement.scrollWidth > innerWidth", &overflow))
	assert.False(t, overflow, "%s: wider than the screen", name)
}

// wasClean: no error was on the console, and nobody was asked but the page's own
// server.
func (b *browser) wasClean(t *testing.T, server string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Empty(t, b.errors)
	assert.NotEmpty(t, b.requests)
	for address := range b.requests {
		assert.True(t, strings.HasPrefix(address, server) || strings.HasPrefix(address, "data:"), address)
	}
}

// TestPage: it loads, its plots move, it turns degraded, unhealthy and healthy
// again, says so, and asks nobody but its own server.
func TestPage(t *testing.T) {
	need(t, "chromium")
	s := newService(t, exporter.WithBufferSize(1024), exporter.WithFlushInterval(0))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.work(t, ctx, 5)
	b := newBrowser(t)
	b.run(t, chromedp.Navigate(s.server.URL+"/health"))
	b.says(t, "#word", "healthy")
	b.says(t, "h1", "checkout service")
	b.says(t, "#circuit", "closed")
	b.says(t, "#endpoint", s.proxy.Addr())
	b.says(t, "#in", "/s")
	path := func() (d string) {
		b.run(t, chromedp.Evaluate(`document.querySelector("#flow path")?.getAttribute("d") || ""`, &d))
		return d
	}
	eventually(t, 20*time.Second, func() error {
		if strings.Count(path(), "L") < 3 {
			return fmt.Errorf("plot of %q", path())
		}
		return nil
	})
	before := path()
	eventually(t, 20*time.Second, func() error {
		if path() == before {
			return fmt.Errorf("the plot stands still")
		}
		return nil
	})
	b.shoot(t, "desktop", 1280, 900, "light")
	b.shoot(t, "phone", 375, 800, "light")
	b.shoot(t, "dark", 1280, 900, "dark")

	// Reloading keeps what was plotted.
	b.run(t, chromedp.Reload())
	eventually(t, 20*time.Second, func() error {
		if strings.Count(path(), "L") < 3 {
			return fmt.Errorf("history is gone: %q", path())
		}
		return nil
	})

	overload, stop := context.WithCancel(ctx)
	s.overload(overload)
	b.says(t, "#word", "degraded")
	b.says(t, "#issues", "ring_full")
	b.says(t, "#drops", "ring_full")
	b.shoot(t, "degraded", 1280, 900, "light")
	stop()

	s.proxy.Down() // as if the receiver were killed
	b.says(t, "#word", "unhealthy")
	b.says(t, "#issues", "circuit breaker")
	b.says(t, "#circuit", "open")
	assert.Equal(t, "\u25A0 unhealthy \u2013 checkout service", eval[string](t, b, "document.title"))
	b.shoot(t, "unhealthy", 375, 800, "dark")
	require.NoError(t, s.proxy.Up())
	b.says(t, "#circuit", "closed")
	b.says(t, "#word", "healthy")
	b.shoot(t, "recovered", 1100, 900, "light")
	cancel()
	s.server.Close()
	b.says(t, "#word", "no answer")

	b.wasClean(t, s.server.URL)
}
