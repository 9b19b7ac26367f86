package main

//go:generate go run github.com/Khan/genqlient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/gorilla/websocket"
)

type dialer struct{ *websocket.Dialer }

func (d dialer) DialContext(ctx context.Context, url string, header http.Header) (graphql.WSConn, error) {
	conn, _, err := d.Dialer.DialContext(ctx, url, header)
	return graphql.WSConn(conn), err
}

type withKey struct{ key string }

func (t withKey) RoundTrip(request *http.Request) (*http.Response, error) {
	request.Header.Set("X-API-Key", t.key)
	return http.DefaultTransport.RoundTrip(request)
}

type report struct {
	Secret        string           `json:"secret"`
	EventIds      []string         `json:"eventIds"`
	PagedEventIds []string         `json:"pagedEventIds"`
	Statuses      []DeliveryStatus `json:"statuses"`
}

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	key := os.Getenv("API_KEY")
	client := graphql.NewClient(os.Getenv("GRAPHQL_URL"), &http.Client{Transport: withKey{key}})

	endpointUrl := os.Getenv("ENDPOINT_URL")
	created, err := Subscribe(ctx, client, CreateSubscriptionInput{
		EndpointUrl: &endpointUrl,
		EventTypes:  []string{os.Getenv("EVENT_TYPE")},
	})
	if err != nil {
		return err
	}
	subscriptionId := created.CreateSubscription.Subscription.Id

	socket := graphql.NewClientUsingWebSocket(
		os.Getenv("GRAPHQL_WS_URL"),
		dialer{websocket.DefaultDialer},
		graphql.WithConnectionParams(map[string]any{"apiKey": key}),
	)
	broken, err := socket.Start(ctx)
	if err != nil {
		return err
	}
	defer socket.Close()
	updates, watching, err := Watch(ctx, socket, subscriptionId)
	if err != nil {
		return err
	}

	first, err := publish(ctx, client, 1)
	if err != nil {
		return err
	}
	var statuses []DeliveryStatus
	for len(statuses) == 0 || statuses[len(statuses)-1] != DeliveryStatusSent {
		select {
		case update := <-updates:
			if update.Errors != nil {
				return update.Errors
			}
			delivery := update.Data.DeliveryUpdated
			statuses = append(statuses, delivery.Status)
			if delivery.Status == DeliveryStatusDead {
				retried, err := Retry(ctx, client, delivery.Id)
				if err != nil {
					return err
				}
				if len(retried.RetryDelivery.Errors) > 0 {
					return errors.New(retried.RetryDelivery.Errors[0].GetMessage())
				}
			}
		case err := <-broken:
			return err
		case <-time.After(20 * time.Second):
			return fmt.Errorf("no update after %v", statuses)
		}
	}
	if err := socket.Unsubscribe(watching); err != nil {
		return err
	}

	eventIds := []string{first}
	for n := 2; n <= 3; n++ {
		id, err := publish(ctx, client, n)
		if err != nil {
			return err
		}
		eventIds = append(eventIds, id)
	}
	paged, err := page(ctx, client, subscriptionId)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report{
		Secret:        *created.CreateSubscription.Secret,
		EventIds:      eventIds,
		PagedEventIds: paged,
		Statuses:      statuses,
	})
}

func publish(ctx context.Context, client graphql.Client, n int) (string, error) {
	published, err := Publish(ctx, client, PublishEventInput{
		Type: os.Getenv("EVENT_TYPE"),
		Data: map[string]any{"n": n},
	})
	if err != nil {
		return "", err
	}
	return published.PublishEvent.Event.Id, nil
}

func page(ctx context.Context, client graphql.Client, subscriptionId string) ([]string, error) {
	var eventIds []string
	var after *string
	for {
		answer, err := Deliveries(ctx, client, subscriptionId, after)
		if err != nil {
			return nil, err
		}
		for _, edge := range answer.Deliveries.Edges {
			eventIds = append(eventIds, edge.Node.Event.Id)
		}
		if !answer.Deliveries.PageInfo.HasNextPage {
			return eventIds, nil
		}
		after = answer.Deliveries.PageInfo.EndCursor
	}
}
