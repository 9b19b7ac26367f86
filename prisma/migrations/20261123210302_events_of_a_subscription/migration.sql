-- CreateIndex
CREATE INDEX "deliveries_subscriptionId_eventId_idx" ON "deliveries"("subscriptionId", "eventId");
