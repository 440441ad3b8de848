package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// closeTime is how long a child may take to end.
const closeTime = 30 * time.Second

// child is a receiver in a process of its own, so that what it uses is its own.
type child struct {
	cmd       *exec.Cmd
	in        io.Closer
	questions *json.Encoder
	answers   *json.Decoder
	progress  *progress
	address   string
}

// startChild starts a receiver in a process of its own. It tells its progress each time
// that it has taken grain points.
func startChild(role string, grain uint64, interval time.Duration) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, serveFlag)}
	c.cmd.Stderr = os.Stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in, c.questions, c.answers = in, json.NewEncoder(in), json.NewDecoder(out)
	told, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer tell.Close() // the child has its own
	c.cmd.ExtraFiles = []*os.File{tell}
	if err := c.cmd.Start(); err != nil {
		return nil, errors.Join(err, told.Close())
	}
	c.progress = newProgress(told)
	r, err := c.ask(&request{Ask: askStart, Role: role, Interval: interval, Grain: grain})
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	c.address = r.Address
	return c, nil
}

// ask asks a question.
func (c *child) ask(q *request) (r reply, err error) {
	if err := c.questions.Encode(q); err != nil {
		return r, fmt.Errorf("%s: %w", q.Ask, err)
	}
	if err := c.answers.Decode(&r); err != nil {
		return r, fmt.Errorf("%s: the child says nothing: %w", q.Ask, err)
	}
	if r.Error != "" {
		return r, fmt.Errorf("%s: %s", q.Ask, r.Error)
	}
	return r, nil
}

// close ends the child.
func (c *child) close() error {
	err := c.in.Close()
	late := time.AfterFunc(closeTime, func() { _ = c.cmd.Process.Kill() }) // Wait says so
	defer late.Stop()
	return errors.Join(err, c.cmd.Wait(), c.progress.close())
}
