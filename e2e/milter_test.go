//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// milterSign hands a message to a milter as a mail host would, from 127.0.0.1,
// and gives it back with the header fields that the milter puts in front.
func milterSign(t *testing.T, addr, message string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	m := milter{t, conn}
	const version, insertHeaders, nothingLeftOut = 6, 0x01, 0
	options := binary.BigEndian.AppendUint32(nil, version)
	options = binary.BigEndian.AppendUint32(options, insertHeaders|0x40|0x10) // add, change and quarantine
	m.send('O', binary.BigEndian.AppendUint32(options, nothingLeftOut))
	if kind, _ := m.receive(); kind != 'O' {
		t.Fatalf("the milter answers %q to the negotiation", kind)
	}
	head, body, _ := strings.Cut(message, "\r\n\r\n")
	m.step('C', "localhost\x004\x00\x19127.0.0.1\x00") // IPv4, a port of two octets
	m.step('H', "localhost\x00")
	m.step('M', "<ana@sign.example>\x00")
	m.step('R', "<bob@example.net>\x00")
	for _, line := range strings.Split(head, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		m.step('L', name+"\x00"+strings.TrimPrefix(value, " ")+"\x00")
	}
	m.step('N', "")
	m.step('B', body)
	m.send('E', nil)
	var added strings.Builder
	for {
		kind, data := m.receive()
		switch kind {
		case 'h', 'i': // add, insert (behind an index)
			if kind == 'i' {
				data = data[4:]
			}
			name, value, _ := strings.Cut(strings.TrimSuffix(string(data), "\x00"), "\x00")
			fmt.Fprintf(&added, "%s: %s\r\n", name, strings.ReplaceAll(strings.ReplaceAll(strings.TrimPrefix(value, " "), "\r\n", "\n"), "\n", "\r\n"))
		case 'a', 'c': // accept, continue
			return added.String() + message
		case 'p': // progress
		default:
			t.Fatalf("the milter ends with %q %q", kind, data)
		}
	}
}

type milter struct {
	t    *testing.T
	conn net.Conn
}

func (m milter) send(kind byte, data []byte) {
	m.t.Helper()
	packet := binary.BigEndian.AppendUint32(nil, uint32(len(data)+1))
	if _, err := m.conn.Write(append(append(packet, kind), data...)); err != nil {
		m.t.Fatal(err)
	}
}

func (m milter) receive() (kind byte, data []byte) {
	m.t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(m.conn, size[:]); err != nil {
		m.t.Fatal(err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || n > 1<<20 {
		m.t.Fatalf("the milter sends a packet of %d octets", n)
	}
	packet := make([]byte, n)
	if _, err := io.ReadFull(m.conn, packet); err != nil {
		m.t.Fatal(err)
	}
	return packet[0], packet[1:]
}

// step sends a command that the milter must let pass.
func (m milter) step(kind byte, data string) {
	m.t.Helper()
	m.send(kind, []byte(data))
	if got, why := m.receive(); got != 'c' {
		m.t.Fatalf("the milter answers %q %q to %q", got, why, kind)
	}
}
