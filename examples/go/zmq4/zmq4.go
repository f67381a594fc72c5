// Package zmq4 is as much of libzmq as board.go needs, with the names of github.com/pebbe/zmq4.
package zmq4

// #cgo LDFLAGS: -lzmq
// #include <stdlib.h>
// #include <zmq.h>
import "C"

import (
	"errors"
	"time"
	"unsafe"
)

const (
	DEALER = C.ZMQ_DEALER
	SUB    = C.ZMQ_SUB
)

type Socket struct{ handle unsafe.Pointer }

var context = C.zmq_ctx_new()

func NewSocket(kind int) (*Socket, error) {
	return &Socket{C.zmq_socket(context, C.int(kind))}, nil
}

func (s *Socket) option(name, value C.int) error {
	return fault(C.zmq_setsockopt(s.handle, name, unsafe.Pointer(&value), C.sizeof_int))
}

func (s *Socket) SetRcvtimeo(timeout time.Duration) error {
	return s.option(C.ZMQ_RCVTIMEO, C.int(timeout.Milliseconds()))
}

func (s *Socket) text(do func(*C.char) C.int, text string) error {
	bytes := C.CString(text)
	defer C.free(unsafe.Pointer(bytes))
	return fault(do(bytes))
}

func (s *Socket) Connect(endpoint string) error {
	return s.text(func(bytes *C.char) C.int { return C.zmq_connect(s.handle, bytes) }, endpoint)
}

func (s *Socket) SetSubscribe(topic string) error {
	return s.text(func(bytes *C.char) C.int {
		return C.zmq_setsockopt(s.handle, C.ZMQ_SUBSCRIBE, unsafe.Pointer(bytes), C.size_t(len(topic)))
	}, topic)
}

func (s *Socket) SendBytes(data []byte, _ int) (int, error) {
	n := C.zmq_send(s.handle, unsafe.Pointer(&data[0]), C.size_t(len(data)), 0)
	return int(n), fault(n)
}

// RecvMessageBytes returns the frames of the next message, or an error if none comes in time.
func (s *Socket) RecvMessageBytes(_ int) (frames [][]byte, err error) {
	var message C.zmq_msg_t
	for more := true; more; more = C.zmq_msg_more(&message) == 1 {
		C.zmq_msg_init(&message)
		if n := C.zmq_msg_recv(&message, s.handle, 0); n < 0 {
			return nil, fault(n)
		}
		frames = append(frames, C.GoBytes(C.zmq_msg_data(&message), C.int(C.zmq_msg_size(&message))))
	}
	C.zmq_msg_close(&message)
	return frames, nil
}

func fault(result C.int) error {
	if result < 0 {
		return errors.New(C.GoString(C.zmq_strerror(C.zmq_errno())))
	}
	return nil
}
