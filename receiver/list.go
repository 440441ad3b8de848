package receiver

// entry is a session's place in a list.
type entry struct {
	session    *session
	prev, next *entry
	in         *sessionList // nil: in none
}

// sessionList is a list of sessions. Each session has an entry of its own for each list
// that it may be in.
type sessionList struct {
	front, back *entry
	len         int
}

// pushFront moves e to the front of l, from whatever list it is in.
func (l *sessionList) pushFront(e *entry) {
	e.leave()
	e.in, e.next = l, l.front
	if l.front != nil {
		l.front.prev = e
	} else {
		l.back = e
	}
	l.front = e
	l.len++
}

// pushBack moves e to the back of l, from whatever list it is in.
func (l *sessionList) pushBack(e *entry) {
	e.leave()
	e.in, e.prev = l, l.back
	if l.back != nil {
		l.back.next = e
	} else {
		l.front = e
	}
	l.back = e
	l.len++
}

// leave takes e out of its list, if it is in one.
func (e *entry) leave() {
	if e.in == nil {
		return
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		e.in.front = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		e.in.back = e.prev
	}
	e.in.len--
	e.prev, e.next, e.in = nil, nil, nil
}
