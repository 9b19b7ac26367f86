-- Indexes, concurrently: outside of a transaction.

-- CreateIndex
CREATE INDEX CONCURRENTLY "outbox_ordering_idx" ON "outbox"("orderingHash", "orderingSequence") WHERE ("orderingHash" is not null);

-- CreateIndex
CREATE INDEX CONCURRENTLY "deliveries_in_line_idx" ON "deliveries"("subscriptionId", "orderingHash", "orderingSequence") WHERE ("orderingHash" is not null and "nextRunAt" is null and status = 'PENDING');

-- CreateIndex
CREATE INDEX CONCURRENTLY "deliveries_at_head_idx" ON "deliveries"("subscriptionId", "orderingHash", "orderingSequence") WHERE ("orderingHash" is not null and "nextRunAt" is not null);
