// SPDX-License-Identifier: Apache-2.0

// Our TTRPC against Go's, in both directions, with containerd's Task service.
//
// usage: interop PEER, where PEER is the program made from peer.c. First PEER serves (on a listening
// socket that it inherits) and this program calls; then the other way round. Exits with 0 when all
// went well, else says what did not.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/runtime/v2/task"
	"github.com/containerd/ttrpc"
	ptypes "github.com/gogo/protobuf/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const large = 3 << 20

// Of this run, with the sockets in it.
var dir string

func check(what string, ok bool, have interface{}) {
	if !ok {
		os.RemoveAll(dir)
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, have)
		os.Exit(1)
	}
}

func checkCode(what string, err error, code codes.Code) {
	s, _ := status.FromError(err)
	check(what, err != nil && s.Code() == code, err)
}

// The service as Go serves it; peer.c's answers are made by the same rules.
type service struct {
	task.TaskService
	mu    sync.Mutex
	waits map[string]chan struct{}
}

func (s *service) wait(id string) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waits[id] == nil {
		s.waits[id] = make(chan struct{})
	}
	return s.waits[id]
}

func (s *service) Create(ctx context.Context, r *task.CreateTaskRequest) (*task.CreateTaskResponse, error) {
	n := len(r.ID) + len(r.Stdin) + len(r.Options.Value)
	for _, m := range r.Rootfs {
		n += len(m.Type) + 100*len(m.Options)
	}
	return &task.CreateTaskResponse{Pid: uint32(n)}, nil
}

func (s *service) State(ctx context.Context, r *task.StateRequest) (*task.StateResponse, error) {
	if r.ID == "none" {
		return nil, status.Errorf(codes.NotFound, "no task %s", r.ID)
	}
	return &task.StateResponse{
		ID: r.ID, Stdin: r.ExecID, ExitStatus: 7, ExitedAt: time.Unix(1234567890, 5),
	}, nil
}

func (s *service) Wait(ctx context.Context, r *task.WaitRequest) (*task.WaitResponse, error) {
	<-s.wait(r.ID)
	return &task.WaitResponse{ExitStatus: uint32(len(r.ID))}, nil
}

func (s *service) Kill(ctx context.Context, r *task.KillRequest) (*ptypes.Empty, error) {
	close(s.wait(r.ID))
	return &ptypes.Empty{}, nil
}

func (s *service) Stats(ctx context.Context, r *task.StatsRequest) (*task.StatsResponse, error) {
	return nil, status.Errorf(codes.Unimplemented, "not implemented")
}

func createAndState(ctx context.Context, c task.TaskService) {
	created, err := c.Create(ctx, &task.CreateTaskRequest{
		ID:      "abc",
		Rootfs:  []*types.Mount{{Type: "overlay", Options: []string{"a", "b"}}, {Type: "bind"}},
		Stdin:   "/fifo",
		Options: &ptypes.Any{TypeUrl: "x", Value: []byte("1234")},
	})
	check("Create", err == nil && created.Pid == 3+7+200+4+5+4, err)

	state, err := c.State(ctx, &task.StateRequest{ID: "abc", ExecID: "e"})
	check("State", err == nil && state.ID == "abc" && state.Stdin == "e" &&
		state.ExitStatus == 7 && state.ExitedAt.Equal(time.Unix(1234567890, 5)), err)

	id := strings.Repeat("x", large)
	state, err = c.State(ctx, &task.StateRequest{ID: id})
	check("State of a large id", err == nil && state.ID == id, err)
}

func failures(ctx context.Context, c task.TaskService) {
	_, err := c.State(ctx, &task.StateRequest{ID: "none"})
	checkCode("State of none", err, codes.NotFound)
	check("text of the error", strings.Contains(err.Error(), "no task none"), err)
	_, err = c.Stats(ctx, &task.StatsRequest{ID: "abc"})
	checkCode("Stats", err, codes.Unimplemented)
	_, err = c.State(ctx, &task.StateRequest{ID: strings.Repeat("x", 2*large)})
	checkCode("request that is too large", err, codes.ResourceExhausted)
	// The answer repeats both: larger than a frame.
	_, err = c.State(ctx, &task.StateRequest{ID: strings.Repeat("x", large), ExecID: "double"})
	checkCode("answer that is too large", err, codes.ResourceExhausted)
}

func deadlines(ctx context.Context, c task.TaskService) {
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	_, err := c.Wait(short, &task.WaitRequest{ID: "never"})
	check("Wait with a deadline", err != nil, err)
}

func concurrent(ctx context.Context, c task.TaskService) {
	const n = 50
	var all sync.WaitGroup

	for i := 1; i <= n; i++ {
		all.Add(1)
		go func(id string) {
			defer all.Done()
			w, err := c.Wait(ctx, &task.WaitRequest{ID: id})
			check("Wait", err == nil && int(w.ExitStatus) == len(id), err)
		}(strings.Repeat("w", i))
	}
	for i := n; i >= 1; i-- {
		_, err := c.Kill(ctx, &task.KillRequest{ID: strings.Repeat("w", i)})
		check("Kill", err == nil, err)
	}
	all.Wait()
}

// A frame of zeros is answered on stream 0, with something.
func ping(path string) {
	conn, err := net.Dial("unix", path)
	check("dial", err == nil, err)
	defer conn.Close()
	for i := 0; i < 2; i++ {
		_, err = conn.Write(make([]byte, 10))
		check("ping", err == nil, err)
		header := make([]byte, 10)
		_, err = io.ReadFull(conn, header)
		check("pong", err == nil && header[3] > 0 && header[7] == 0 && header[8] == 2, header)
		_, err = io.CopyN(io.Discard, conn, int64(header[3]))
		check("pong", err == nil, err)
	}
}

func callPeer(peer, path string) {
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	check("listen", err == nil, err)
	file, err := listener.File()
	check("listen", err == nil, err)

	cmd := exec.Command(peer, "serve")
	cmd.ExtraFiles = []*os.File{file}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	check("pipe", err == nil, err)
	check("start", cmd.Start() == nil, peer)

	ping(path)
	conn, err := net.Dial("unix", path)
	check("dial", err == nil, err)
	client := ttrpc.NewClient(conn)
	ctx := context.Background()
	tasks := task.NewTaskClient(client)
	createAndState(ctx, tasks)
	failures(ctx, tasks)
	deadlines(ctx, tasks)
	concurrent(ctx, tasks)
	client.Close()

	// The server ends at the end of its stdin.
	stdin.Close()
	err = cmd.Wait()
	check("peer as server", err == nil, err)
}

func servePeer(peer, path string) {
	listener, err := net.Listen("unix", path)
	check("listen", err == nil, err)
	server, err := ttrpc.NewServer()
	check("server", err == nil, err)
	task.RegisterTaskService(server, &service{waits: map[string]chan struct{}{}})
	go server.Serve(context.Background(), listener)

	output, err := exec.Command(peer, "call", path).CombinedOutput()
	check("peer as client", err == nil, string(output))
	server.Close()
}

func main() {
	check("usage: interop PEER", len(os.Args) == 2, os.Args)
	var err error
	dir, err = os.MkdirTemp("", "interop")
	check("temporary folder", err == nil, err)
	defer os.RemoveAll(dir)
	callPeer(os.Args[1], filepath.Join(dir, "c"))
	servePeer(os.Args[1], filepath.Join(dir, "go"))
}
