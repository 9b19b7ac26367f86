-- DropForeignKey
ALTER TABLE "outbox" DROP CONSTRAINT "outbox_eventId_fkey";

-- DropForeignKey
ALTER TABLE "deliveries" DROP CONSTRAINT "deliveries_eventId_fkey";

-- DropForeignKey
ALTER TABLE "deliveries" DROP CONSTRAINT "deliveries_subscriptionId_fkey";

-- DropForeignKey
ALTER TABLE "deliveryLogs" DROP CONSTRAINT "deliveryLogs_deliveryId_fkey";
