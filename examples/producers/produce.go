// Enqueues COUNT jobs with redigo: REDIS_URL=redis://127.0.0.1:6379 go run produce.go COUNT
package main

import "fmt"
import "github.com/gomodule/redigo/redis"
import "log"
import "os"
import "strconv"
import "strings"

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err) // on stderr, and exit code 1
	}
	return value
}
func main() {
	queue := strings.Fields(os.Getenv("MILLPOND_QUEUE") + " orders")[0] // orders, when it is not set
	key, total := "mp:{"+queue+"}", must(strconv.Atoi(os.Args[1]))
	conn, counts := must(redis.DialURL(os.Getenv("REDIS_URL"))), map[string]int{}
	must(conn.Do("SADD", "mp:queues", queue)) // so that the queue is known before a worker serves it
	for n := 1; n <= total; n++ {
		args := redis.Args{"kind", "order.ship", "data", fmt.Sprintf(`{"order":%d}`, n), "correlation_id", "import-go"}
		args = append(args, map[bool]redis.Args{true: {"key", fmt.Sprintf("order-%d", n)}}[n%10 == 0]...)
		args = append(args, map[bool]redis.Args{true: {"delay_ms", 2000}}[n%7 == 0]...)
		if len(args) == 6 { // neither a key nor a delay: a plain append
			must(0, conn.Send("XADD", append(redis.Args{key + ":ready", "*"}, args...)...))
		} else {
			must(0, conn.Send("FCALL", append(redis.Args{"pond_enqueue", 1, key}, args...)...))
		}
		if n%500 == 0 || n == total { // one round trip for many
			for _, answer := range must(redis.Values(conn.Do(""))) {
				err, _ := answer.(error)
				words, _ := redis.Strings(must(answer, err), nil)
				counts[append(words, "enqueued")[0]]++ // a plain append answers with the id alone
			}
		}
	}
	fmt.Printf("{\"enqueued\":%d,\"held\":%d,\"duplicate\":%d}\n", counts["enqueued"], counts["held"], counts["duplicate"])
}
