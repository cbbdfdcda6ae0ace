// Probe is a health check for images that have no shell.
//
//	probe [-timeout 2s] [-header Name=value]... http://host:port/path   exit 0 when the answer is 2xx
//	probe [-timeout 2s] tcp://host:port                                  exit 0 when it can be connected to
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	unhealthy     = 1
	wrongUse      = 2
	bodyLimit     = 200
	headerUsage   = "`name=value` of a request header; may be repeated"
	timeoutUsage  = "how long to wait for the whole answer"
	timeoutNormal = 2 * time.Second
)

type headers http.Header

func (h headers) String() string { return "" }

func (h headers) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("%q is not name=value", text)
	}
	http.Header(h).Add(name, value)
	return nil
}

func main() {
	timeout := flag.Duration("timeout", timeoutNormal, timeoutUsage)
	header := headers{}
	flag.Var(header, "header", headerUsage)
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: probe [flags] http://host:port/path | tcp://host:port")
		flag.PrintDefaults()
	}
	flag.Parse()
	target, err := url.Parse(flag.Arg(0))
	if flag.NArg() != 1 || err != nil || target.Host == "" {
		flag.Usage()
		os.Exit(wrongUse)
	}
	if err := probe(target, http.Header(header), *timeout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(unhealthy)
	}
}

func probe(target *url.URL, header http.Header, timeout time.Duration) error {
	if target.Scheme == "tcp" {
		connection, err := net.DialTimeout("tcp", target.Host, timeout)
		if err != nil {
			return err
		}
		return connection.Close()
	}
	request, err := http.NewRequest(http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	request.Header = header
	// No proxy: a health check asks this machine.
	client := http.Client{Timeout: timeout, Transport: &http.Transport{Proxy: nil}}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, bodyLimit))
		return fmt.Errorf("%s answers %s: %s", target, answer.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
