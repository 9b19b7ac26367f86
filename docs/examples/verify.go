// Verifies a webhook with Go's standard library, as Standard Webhooks 1.0.0 describes it.
//
//	go run docs/examples/verify.go whsec_...     listens on http://127.0.0.1:4000 and verifies what comes
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const tolerance = 5 * time.Minute

// Event is the body of a webhook.
type Event struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	CreatedAt time.Time `json:"createdAt"`
	Payload   struct {
		Data     json.RawMessage `json:"data"`
		Metadata json.RawMessage `json:"metadata"`
	} `json:"payload"`
}

// Verify says whether a webhook is genuine. The body is the very bytes that came: parsed and printed again
// they may be others.
func Verify(secret string, header http.Header, body []byte, now time.Time) error {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	signatures := header.Get("webhook-signature")
	if id == "" || timestamp == "" || signatures == "" {
		return errors.New("a webhook header is missing")
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return errors.New("the timestamp is too far from now")
	}
	key := []byte(secret)
	if rest, ok := strings.CutPrefix(secret, "whsec_"); ok {
		if key, err = base64.StdEncoding.DecodeString(rest); err != nil {
			return fmt.Errorf("the secret is not base64: %w", err)
		}
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	expected := mac.Sum(nil)
	// There is one signature for each valid secret: several after a change of secret.
	for _, signature := range strings.Split(signatures, " ") {
		version, encoded, _ := strings.Cut(signature, ",")
		given, err := base64.StdEncoding.DecodeString(encoded)
		if version == "v1" && err == nil && hmac.Equal(given, expected) {
			return nil
		}
	}
	return errors.New("no signature fits")
}

func main() {
	if len(os.Args) < 2 {
		log.Fatal("Give the secret: go run docs/examples/verify.go whsec_...")
	}
	http.HandleFunc("POST /", func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, 64<<20))
		if err == nil {
			err = Verify(os.Args[1], request.Header, body, time.Now())
		}
		var event Event
		if err == nil {
			err = json.Unmarshal(body, &event)
		}
		if err != nil {
			fmt.Println("refused:", err)
			response.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Println("verified", event.Type, event.ID, string(event.Payload.Data))
		response.WriteHeader(http.StatusNoContent)
	})
	fmt.Println("listening on http://127.0.0.1:4000")
	log.Fatal(http.ListenAndServe("127.0.0.1:4000", nil))
}
