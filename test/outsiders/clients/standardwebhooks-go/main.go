package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

type received struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

type event struct {
	Type string `json:"type"`
}

func main() {
	var request received
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		log.Fatal(err)
	}
	headers := http.Header{}
	for name, value := range request.Headers {
		headers.Set(name, value)
	}
	webhook, err := standardwebhooks.NewWebhook(request.Secret)
	if err != nil {
		log.Fatal(err)
	}

	if err := webhook.Verify([]byte(request.Body), headers); err != nil {
		log.Fatal(err)
	}
	var delivered event
	if err := json.Unmarshal([]byte(request.Body), &delivered); err != nil {
		log.Fatal(err)
	}
	fmt.Println(delivered.Type)
	if webhook.Verify([]byte(request.Body+" "), headers) != nil {
		fmt.Println("refused")
	}
}
