-- Indexes, concurrently: outside of a transaction.

-- CreateIndex
CREATE INDEX CONCURRENTLY "subscriptions_operational_idx" ON "subscriptions"("tenant", "id") WHERE ("isEnabled" and "eventTypes" && '{service.*,service.delivery.*,service.delivery.dead,service.endpoint.*,service.endpoint.failing,service.endpoint.recovered,service.replay.*,service.replay.finished,service.subscription.*,service.subscription.disabled}'::text[]);

-- CreateIndex
CREATE INDEX CONCURRENTLY "endpointHealth_reported_idx" ON "endpointHealth"("subscriptionId") WHERE ("reportedFailingSince" is not null);
