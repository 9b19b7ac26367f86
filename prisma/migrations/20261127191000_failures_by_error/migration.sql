-- Indexes, concurrently: outside of a transaction.

-- CreateIndex
CREATE INDEX CONCURRENTLY "deliveries_failures_idx" ON "deliveries"("lastError", "lastStatusCode", "status", "id") WHERE ("lastError" is not null);

-- CreateIndex
CREATE INDEX CONCURRENTLY "deliveries_failures_of_subscription_idx" ON "deliveries"("subscriptionId", "lastError", "lastStatusCode", "status", "id") WHERE ("lastError" is not null);
