// A client of the board: go run . [USER [CHANNEL [TEXT [BROKER [PROXY]]]]]; needs libzmq, and speaks JSON.
package main

import (
	zmq "board/zmq4" // or "github.com/pebbe/zmq4", where that can be had
	"encoding/json"
	"fmt"
	"log"
	"math"
	"os"
	"time"
)

type fields = map[string]any

var clock float64 // Lamport's: one more before each request, and never less than a clock that was received
var broker, _ = zmq.NewSocket(zmq.DEALER)
var proxy, _ = zmq.NewSocket(zmq.SUB)

// Send a request until it is answered: however often its id comes, it takes effect once.
func ask(service string, data fields) (reply fields) {
	data["id"] = fmt.Sprintf("%x", time.Now().UnixNano())
	for wait := time.Duration(0); reply["id"] != data["id"] || reply["tente_em"] != nil; wait = time.Second {
		time.Sleep(wait)
		clock++
		data["clock"], data["timestamp"] = clock, float64(time.Now().UnixMicro())/1e6
		body, _ := json.Marshal(fields{"service": service, "data": data})
		broker.SendBytes(body, 0)
		if frames, err := broker.RecvMessageBytes(0); err == nil { // else no answer came in time
			reply = fields{}
			json.Unmarshal(frames[0], &struct{ Data *fields }{&reply})
			clock = math.Max(clock, reply["clock"].(float64))
		}
	}
	if reply["status"] == "erro" {
		log.Fatal(reply["description"])
	}
	return reply
}

func main() {
	args := [5]string{"ana", "geral", "Bom dia!", "tcp://127.0.0.1:5555", "tcp://127.0.0.1:5558"}
	copy(args[:], os.Args[1:])
	broker.SetRcvtimeo(5 * time.Second)
	broker.Connect(args[3])
	proxy.SetRcvtimeo(2 * time.Second)
	proxy.SetSubscribe(args[1])
	proxy.Connect(args[4])
	ask("login", fields{"user": args[0]})
	ask("channel", fields{"channel": args[1], "user": args[0]})
	ask("publish", fields{"user": args[0], "channel": args[1], "message": args[2]})
	for wanted := 1; ; {
		for _, post := range ask("history", fields{"channel": args[1], "desde": wanted - 1, "limite": 500})["messages"].([]any) {
			post := post.(fields)
			fmt.Printf("#%d %s: %s (clock %.0f)\n", wanted, post["user"], post["message"], post["clock"])
			wanted++
		}
		proxy.RecvMessageBytes(0) // a publication is a bell: it, or 2 s without one, sends us to the history
	}
}
