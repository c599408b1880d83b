// Command peer is one end of a connection: the only program in the images of the test node.
//
//	peer serve NAME PORT...            answer every HTTP request on each port with NAME
//	peer dial TIMEOUT HOST:PORT...     say of each whether it is open, refused, timeout or error
//	peer resolve TIMEOUT NAME...       print the addresses of each name, or what went wrong
//	peer rush SPAN HOST:PORT...        dial over and over from the first moment on; print of each how
//	                                   often it was open, how often tried, and when last open
//	peer wait                          do nothing until told to end
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

const usage = "usage: peer serve NAME PORT... | dial TIMEOUT HOST:PORT... | resolve TIMEOUT NAME... | rush SPAN HOST:PORT... | wait"

func main() {
	if len(os.Args) < 2 {
		fail(usage)
	}
	arguments := os.Args[2:]
	switch mode := os.Args[1]; {
	case mode == "serve" && len(arguments) >= 2:
		serve(arguments[0], arguments[1:])
	case mode == "dial" && len(arguments) >= 2:
		each(arguments, dial)
	case mode == "resolve" && len(arguments) >= 2:
		each(arguments, resolve)
	case mode == "rush" && len(arguments) >= 2:
		rush(arguments)
	case mode == "wait" && len(arguments) == 0:
		wait()
	default:
		fail(usage)
	}
}

func serve(name string, ports []string) {
	handler := http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(answer, name)
	})
	for _, port := range ports {
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			fail(err.Error())
		}
		go func() { fail(http.Serve(listener, handler).Error()) }()
	}
	fmt.Printf("%s serves %s\n", name, strings.Join(ports, ", "))
	wait()
}

// each asks all at once, so that many timeouts take no longer than one, and prints in order.
func each(arguments []string, ask func(context.Context, string) string) {
	limit, err := time.ParseDuration(arguments[0])
	if err != nil {
		fail(err.Error())
	}
	targets := arguments[1:]
	answers := make([]string, len(targets))
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var pending sync.WaitGroup
	for i, target := range targets {
		pending.Go(func() { answers[i] = ask(ctx, target) })
	}
	pending.Wait()
	for i, target := range targets {
		fmt.Println(target, answers[i])
	}
}

func dial(ctx context.Context, target string) string {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	var timeout net.Error
	switch {
	case err == nil:
		connection.Close()
		return "open"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	default:
		return "error " + err.Error()
	}
}

func resolve(ctx context.Context, name string) string {
	addresses, err := net.DefaultResolver.LookupHost(ctx, name)
	if err != nil {
		return "error " + err.Error()
	}
	return strings.Join(addresses, " ")
}

// attempt is how long one connection of many may take.
const attempt = 100 * time.Millisecond

func rush(arguments []string) {
	begun := time.Now()
	span, err := time.ParseDuration(arguments[0])
	if err != nil {
		fail(err.Error())
	}
	targets := arguments[1:]
	answers := make([]string, len(targets))
	var pending sync.WaitGroup
	for i, target := range targets {
		pending.Go(func() {
			opened, tried, last := 0, 0, time.Duration(0)
			for time.Since(begun) < span {
				ctx, cancel := context.WithTimeout(context.Background(), attempt)
				if tried++; dial(ctx, target) == "open" {
					opened, last = opened+1, time.Since(begun)
				}
				cancel()
				time.Sleep(time.Millisecond)
			}
			answers[i] = fmt.Sprintf("%d %d %d", opened, tried, last.Milliseconds())
		})
	}
	pending.Wait()
	for i, target := range targets {
		fmt.Println(target, answers[i])
	}
}

// wait also lets a sandbox, which is process 1 of its pod, end at once when it is asked to.
func wait() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	<-ended
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}
