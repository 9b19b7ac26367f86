-- Indexes, concurrently: outside of a transaction.

-- CreateIndex
CREATE INDEX CONCURRENTLY "deliveries_dead_letters_idx" ON "deliveries"("subscriptionId", "lastError", "updatedAt", "id") WHERE ("status" = 'DEAD' and "discardedAt" is null);
