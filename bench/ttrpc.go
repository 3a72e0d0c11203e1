// SPDX-License-Identifier: Apache-2.0

// Unary calls of containerd's Task service, from Go's TTRPC client to our server and to Go's own.
//
//	ttrpc PEER SAMPLES SECONDS
//
// PEER is the program made from tests/interop: it serves on a listening socket that it inherits. Go's
// server is another process of this program, on the same kind of socket, and answers the same. Samples
// are taken in turn: each server, with each number of callers, for so many seconds. Prints JSON: by
// server and callers, a list of {calls_s, p50_us, p99_us}.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/containerd/containerd/runtime/v2/task"
	"github.com/containerd/ttrpc"
)

var callers = []int{1, 16}

// Servers end when these do, with this process.
var lifelines []io.Closer

type sample struct {
	Calls float64 `json:"calls_s"`
	P50   float64 `json:"p50_us"`
	P99   float64 `json:"p99_us"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The service as Go serves it; the answer is that of tests/interop/serve.c.
type service struct {
	task.TaskService
}

func (service) State(ctx context.Context, r *task.StateRequest) (*task.StateResponse, error) {
	return &task.StateResponse{
		ID: r.ID, Stdin: r.ExecID, ExitStatus: 7, ExitedAt: time.Unix(1234567890, 5),
	}, nil
}

func serve() {
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	must(err)
	server, err := ttrpc.NewServer()
	must(err)
	task.RegisterTaskService(server, service{})
	go func() {
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	}()
	must(server.Serve(context.Background(), listener))
}

// A server in a process of its own, which ends with this one.
func start(path string, words ...string) task.TaskService {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(err)
	file, err := listener.File()
	must(err)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.ExtraFiles = []*os.File{file}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(err)
	lifelines = append(lifelines, stdin)
	must(cmd.Start())
	conn, err := net.Dial("unix", path)
	must(err)
	return task.NewTaskClient(ttrpc.NewClient(conn))
}

// One caller, calling until it is over. Returns what each call took.
func call(c task.TaskService, over time.Time) []time.Duration {
	var times []time.Duration
	request := &task.StateRequest{ID: "container", ExecID: "exec"}
	for begin := time.Now(); begin.Before(over); {
		_, err := c.State(context.Background(), request)
		must(err)
		end := time.Now()
		times = append(times, end.Sub(begin))
		begin = end
	}
	return times
}

func measure(c task.TaskService, n int, length time.Duration) sample {
	var all []time.Duration
	var lock sync.Mutex
	var group sync.WaitGroup
	begin := time.Now()
	for i := 0; i < n; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			times := call(c, begin.Add(length))
			lock.Lock()
			all = append(all, times...)
			lock.Unlock()
		}()
	}
	group.Wait()
	took := time.Since(begin)
	sort.Slice(all, func(a, b int) bool { return all[a] < all[b] })
	at := func(share float64) float64 {
		return float64(all[int(share*float64(len(all)-1))].Nanoseconds()) / 1000
	}
	return sample{float64(len(all)) / took.Seconds(), at(0.5), at(0.99)}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		serve()
	}
	if len(os.Args) != 4 {
		must(fmt.Errorf("usage: ttrpc PEER SAMPLES SECONDS"))
	}
	samples, err := strconv.Atoi(os.Args[2])
	must(err)
	seconds, err := strconv.ParseFloat(os.Args[3], 64)
	must(err)
	length := time.Duration(seconds * float64(time.Second))
	dir, err := os.MkdirTemp("", "bench-ttrpc")
	must(err)
	defer os.RemoveAll(dir)
	names := []string{"c", "go"}
	servers := map[string]task.TaskService{
		"c":  start(filepath.Join(dir, "c"), os.Args[1], "serve"),
		"go": start(filepath.Join(dir, "go"), "/proc/self/exe", "serve"),
	}

	found := map[string]map[string][]sample{"c": {}, "go": {}}
	for i := -1; i < samples; i++ {
		for _, n := range callers {
			for _, name := range names {
				s := measure(servers[name], n, length)
				// The first of each warms up.
				if i >= 0 {
					key := strconv.Itoa(n)
					found[name][key] = append(found[name][key], s)
				}
			}
		}
	}
	must(json.NewEncoder(os.Stdout).Encode(found))
}
