-- Indexes, concurrently: outside of a transaction.

-- CreateIndex
CREATE INDEX CONCURRENTLY "subscriptions_pull_idx" ON "subscriptions"("id") WHERE ("kind" = 'PULL');
