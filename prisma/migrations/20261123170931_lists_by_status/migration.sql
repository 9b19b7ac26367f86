-- DropIndex
DROP INDEX "deliveries_subscriptionId_id_idx";

-- DropIndex
DROP INDEX "deliveries_unsent_idx";

-- DropIndex
DROP INDEX "deliveries_unsent_of_subscription_idx";

-- CreateIndex
CREATE INDEX "deliveries_subscriptionId_status_id_idx" ON "deliveries"("subscriptionId", "status", "id");
