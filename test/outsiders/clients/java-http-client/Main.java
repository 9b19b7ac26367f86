import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

public class Main {
    static final String SERVICE = System.getenv("SERVICE_URL");
    static final String TYPE = System.getenv("EVENT_TYPE");
    // As it is made by default: it offers to upgrade each connection to HTTP/2.
    static final HttpClient CLIENT = HttpClient.newHttpClient();

    public static void main(String[] args) throws Exception {
        String subscription = send(post("/v1/subscriptions",
            "{\"endpointUrl\": \"" + System.getenv("ENDPOINT_URL") + "\", \"eventTypes\": [\"" + TYPE + "\"]}"), 201);
        String subscriptionId = text(subscription, "id").get(0);

        Iterator<String> updates = watch(subscriptionId);
        List<String> eventIds = new ArrayList<>();
        eventIds.add(publish(1));
        List<String> statuses = new ArrayList<>();
        while (!statuses.contains("SENT")) {
            String line = updates.next();
            if (!line.startsWith("data:") || !line.contains("deliveryUpdated")) continue;
            String status = text(line, "status").get(0);
            statuses.add(status);
            if (status.equals("DEAD")) send(post("/v1/deliveries/" + text(line, "id").get(0) + "/retry", ""), 202);
        }
        eventIds.add(publish(2));
        eventIds.add(publish(3));

        List<String> paged = new ArrayList<>();
        List<String> cursor = List.of();
        do {
            String query = "?limit=2&subscriptionId=" + subscriptionId
                + (cursor.isEmpty() ? "" : "&cursor=" + cursor.get(0));
            String page = send(request("/v1/deliveries" + query).GET(), 200);
            paged.addAll(text(page, "eventId"));
            cursor = text(page, "nextCursor");
        } while (!cursor.isEmpty());

        System.out.printf("{\"secret\": \"%s\", \"eventIds\": %s, \"pagedEventIds\": %s, \"statuses\": %s}%n",
            text(subscription, "secret").get(0), array(eventIds), array(paged), array(statuses));
        // The stream of updates is still open.
        System.exit(0);
    }

    static Iterator<String> watch(String subscriptionId) throws Exception {
        String query = "{\"query\": \"subscription { deliveryUpdated(subscriptionId: \\\"" + subscriptionId
            + "\\\") { id status } }\"}";
        HttpResponse<Stream<String>> response = CLIENT.send(
            post("/graphql", query).header("accept", "text/event-stream").build(), BodyHandlers.ofLines());
        if (response.statusCode() != 200) throw new IllegalStateException("live updates: " + response.statusCode());
        return response.body().iterator();
    }

    static String publish(int n) throws Exception {
        String body = "{\"type\": \"" + TYPE + "\", \"data\": {\"n\": " + n + "}}";
        return text(send(post("/v1/events", body).header("Idempotency-Key", TYPE + "." + n), 202), "eventId").get(0);
    }

    static HttpRequest.Builder post(String path, String body) {
        HttpRequest.Builder builder = request(path);
        if (body.isEmpty()) return builder.POST(BodyPublishers.noBody());
        return builder.header("content-type", "application/json").POST(BodyPublishers.ofString(body));
    }

    static HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(SERVICE + path)).header("X-API-Key", System.getenv("API_KEY"));
    }

    static String send(HttpRequest.Builder request, int expected) throws Exception {
        HttpResponse<String> response = CLIENT.send(request.build(), BodyHandlers.ofString());
        if (response.statusCode() == expected) return response.body();
        throw new IllegalStateException(response.statusCode() + ": " + response.body());
    }

    /** The values of all fields of a name. The JDK has no JSON. */
    static List<String> text(String json, String field) {
        Matcher matcher = Pattern.compile("\"" + field + "\":\"([^\"]*)\"").matcher(json);
        return matcher.results().map(result -> result.group(1)).toList();
    }

    static String array(List<String> items) {
        return "[" + String.join(", ", items.stream().map(item -> "\"" + item + "\"").toList()) + "]";
    }
}
