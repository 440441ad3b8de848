package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// The programs that this one starts as -serve "program plan". The plan is JSON. A program
// prints a line when it is ready, and answers each line that it reads with one of JSON.
const (
	serviceProgram = "service"
	loadProgram    = "load"
)

var programs = map[string]func(plan []byte, in *bufio.Scanner, out io.Writer) error{
	serviceProgram: runService,
	loadProgram:    runLoad,
	operateProgram: runOperation,
}

// runProgram runs the program that a role names, if it names one.
func runProgram(role string, in io.Reader, out io.Writer) (ran bool, err error) {
	name, plan, _ := strings.Cut(role, " ")
	p, ok := programs[name]
	if !ok {
		return false, nil
	}
	return true, p([]byte(plan), bufio.NewScanner(in), out)
}

// program is one that runs.
type program struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	at  string // what it printed when it was ready
}

func startProgram(name string, plan any) (*program, error) {
	text, err := json.Marshal(plan)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startCommand(exec.Command(self, "-serve", name+" "+string(text)))
}

func startCommand(cmd *exec.Cmd) (*program, error) {
	p := &program{cmd: cmd}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if p.at, err = p.out.ReadString('\n'); err != nil {
		return nil, errors.Join(fmt.Errorf("%v: %w", cmd.Args, err), p.close())
	}
	p.at = strings.TrimSpace(p.at)
	return p, nil
}

// ask has the program answer a question. It reads the answer into to, unless that is nil.
func (p *program) ask(question string, to any) error {
	if _, err := fmt.Fprintln(p.in, question); err != nil {
		return err
	}
	text, err := p.out.ReadBytes('\n')
	if err != nil || to == nil {
		return err
	}
	return json.Unmarshal(text, to)
}

func (p *program) close() error { return errors.Join(p.in.Close(), p.cmd.Wait()) }

// reply prints an answer.
func reply(out io.Writer, answer any) error {
	text, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, string(text))
	return err
}
