-- Indexes, concurrently: outside of a transaction.

-- CreateIndex
CREATE INDEX CONCURRENTLY "events_of_tenant_idx" ON "events"("tenant", "status", "id") WHERE ("tenant" is not null);

-- CreateIndex
CREATE INDEX CONCURRENTLY "events_of_tenant_by_type_idx" ON "events"("tenant", "type", "id") WHERE ("tenant" is not null);

-- CreateIndex
CREATE INDEX CONCURRENTLY "subscriptions_of_tenant_idx" ON "subscriptions"("tenant", "id") WHERE ("tenant" is not null);

-- CreateIndex
CREATE INDEX CONCURRENTLY "deliveries_of_tenant_idx" ON "deliveries"("tenant", "status", "id") WHERE ("tenant" is not null);

-- CreateIndex
CREATE INDEX CONCURRENTLY "deliveries_of_tenant_by_change_idx" ON "deliveries"("tenant", "updatedAt", "id") WHERE ("tenant" is not null);

-- CreateIndex
CREATE INDEX CONCURRENTLY "deliveries_failures_of_tenant_idx" ON "deliveries"("tenant", "lastError", "lastStatusCode", "status", "id") WHERE ("tenant" is not null and "lastError" is not null);
