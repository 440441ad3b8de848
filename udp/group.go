package udp

import (
	"errors"
	"math"
	"os/user"
	"strconv"
)

// keepGroup stands for the group that a file has already, as for chown(2).
const keepGroup = -1

var errUnknownGroup = errors.New("unknown group")

// groupID returns the number of a group that is given by name or by number. A name that
// looks like a number wins over the number, as for chown(1).
func groupID(group string) (int, error) {
	if group == "" {
		return 0, errors.New("want a name or a number")
	}
	g, err := user.LookupGroup(group)
	number := group
	if err == nil {
		number = g.Gid
	}
	gid, bad := strconv.ParseUint(number, 10, 32)
	if bad == nil && gid != math.MaxUint32 {
		return int(gid), nil
	}
	var unknown user.UnknownGroupError
	switch {
	case err == nil:
		return keepGroup, nil // Windows: groups have no numbers there, and sockets no files
	case bad == nil || errors.As(err, &unknown):
		return 0, errUnknownGroup
	}
	return 0, err
}
