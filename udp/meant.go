package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// defaultPort is the port of otelgram, for an address that has none.
const defaultPort = "4319"

// meantError returns the error for a text that is no address, if it is clear what was
// meant: it says what to write instead. Otherwise it returns nil.
func meantError(address string, listening bool) error {
	if says := meant(address, listening); says != "" {
		return noAddress(address, says)
	}
	return nil
}

// meant says what to write instead of a text that is no address, and why. It returns "" if
// it cannot tell.
func meant(address string, listening bool) string {
	trimmed := strings.TrimSpace(address)
	written, rest, _ := strings.Cut(trimmed, ":")
	scheme := strings.ToLower(written) // may be longer than written
	switch scheme {
	case "unix", "unixpacket", "unixgram":
		return meantPath(scheme, rest)
	}
	if strings.HasPrefix(trimmed, "/") && !strings.HasPrefix(trimmed, "//") {
		return wantPath(trimmed, "a path comes after "+unixScheme)
	}
	rest, ok := strings.CutPrefix(rest, "//")
	if !ok {
		return meantHost(trimmed, trimmed != address, listening)
	}
	want := corrected(rest, listening)
	if protocol := protocols[scheme]; protocol != "" {
		says := fmt.Sprintf("otelgram does not speak %s: want host:port of an otelgram receiver", protocol)
		if host, _, err := net.SplitHostPort(want); err == nil {
			says += fmt.Sprintf(", such as %q", net.JoinHostPort(host, defaultPort))
		}
		return says
	}
	if want == "" {
		return ""
	}
	return fmt.Sprintf("leave out %q: want %q", written+"://", want)
}

// protocols are the protocols of endpoints that are not otelgram's, by scheme.
var protocols = map[string]string{
	"http": "HTTP", "https": "HTTP", "grpc": "gRPC", "grpcs": "gRPC", "tcp": "TCP", "tcp4": "TCP", "tcp6": "TCP", "tls": "TLS",
}

// meantPath says how to write the address of a Unix socket. rest is what comes after the
// colon.
func meantPath(scheme, rest string) string {
	why := "datagrams go to a socket of type unixgram"
	if scheme == "unixgram" {
		why = "the path comes after " + unixScheme
	}
	if !strings.HasPrefix(rest, "/") || strings.Trim(rest, "/") == "" {
		return wantPath("", why)
	}
	return wantPath("/"+strings.TrimLeft(rest, "/"), why)
}

// wantPath asks for path, or for an example if path cannot be the path of a socket.
func wantPath(path, why string) string {
	if checkUnixPath(path) != nil {
		return fmt.Sprintf("want an absolute path, as in %q: %s", unixScheme+"/run/otelgram.sock", why)
	}
	return fmt.Sprintf("want %q: %s", unixScheme+path, why)
}

// meantHost says how to write an address without a scheme.
func meantHost(trimmed string, blanks, listening bool) string {
	want := corrected(strings.TrimPrefix(trimmed, "//"), listening)
	switch {
	case want == "":
		return ""
	case want == trimmed && blanks:
		return fmt.Sprintf("leave out the blanks: want %q", want)
	case strings.HasPrefix(trimmed, "//"):
		return fmt.Sprintf("leave out %q: want %q", "//", want)
	case strings.HasPrefix(trimmed, want):
		return fmt.Sprintf("leave out %q: want %q", trimmed[len(want):], want)
	case strings.HasPrefix(want, "[") && !strings.HasPrefix(trimmed, "["):
		return fmt.Sprintf("an IPv6 address goes into brackets: want %q", want)
	}
	return fmt.Sprintf("the port is missing: want %q", want)
}

// corrected makes an address of what comes after a scheme: without a path, with a port. It
// returns "" if that is no address either.
func corrected(rest string, listening bool) string {
	rest, _, _ = strings.Cut(rest, "/")
	if _, _, err := net.SplitHostPort(rest); err != nil {
		if rest = withPort(rest, err); rest == "" {
			return ""
		}
	}
	if host, service, _ := net.SplitHostPort(rest); listening {
		if _, err := strconv.ParseUint(service, 10, 16); err == nil && (host == "" || validHost(host)) {
			return rest
		}
		return ""
	}
	if _, _, err := parseAddress(rest); err != nil {
		return ""
	}
	return rest
}

// withPort adds the port or the brackets that are missing according to err.
func withPort(host string, err error) string {
	inside, begins := strings.CutPrefix(host, "[")
	inside, ends := strings.CutSuffix(inside, "]")
	if ip, bad := netip.ParseAddr(inside); bad == nil && begins == ends {
		if i := strings.LastIndexByte(host, ':'); i > 0 && !ends {
			before, bad := netip.ParseAddr(host[:i])
			if _, none := strconv.ParseUint(host[i+1:], 10, 16); bad == nil && none == nil {
				return net.JoinHostPort(before.String(), host[i+1:])
			}
		}
		return net.JoinHostPort(ip.String(), defaultPort)
	}
	var e *net.AddrError
	if !errors.As(err, &e) || !strings.Contains(e.Err, "missing port") || !validHost(host) {
		return ""
	}
	return net.JoinHostPort(host, defaultPort)
}

func validHost(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || hostFault(host) == ""
}

// checkListen returns an error for addresses that net.ListenPacket would look up, take for
// a free port, or reject in words that do not help.
func checkListen(address string) error {
	host, service, err := net.SplitHostPort(address)
	if ip, bad := netip.ParseAddr(host); bad == nil && ip.IsMulticast() {
		return noAddress(address, "a multicast address cannot be had by one alone: want one of this host")
	}
	scheme, _, _ := strings.Cut(address, ":")
	if err == nil && service != "" && !strings.ContainsAny(address, "/ \t\r\n") && !strings.HasPrefix(scheme, "unix") {
		return nil
	}
	if says := meantError(address, true); says != nil {
		return says
	}
	const want = `want host:port, such as "localhost:` + defaultPort + `", or a path, such as ` + unixScheme + `/run/otelgram.sock`
	var e *net.AddrError
	switch {
	case address == "":
		return noAddress(address, want)
	case errors.As(err, &e):
		return noAddress(address, e.Err+": "+want)
	case service == "":
		return noAddress(address, "the port is missing: "+want)
	}
	return nil
}
