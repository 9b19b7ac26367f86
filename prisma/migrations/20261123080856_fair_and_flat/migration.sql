-- DropIndex
DROP INDEX "deliveries_waiting_idx";

-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "maxRequestsPerSecond" INTEGER;

-- CreateTable
CREATE TABLE "rateLimits" (
    "subscriptionId" UUID NOT NULL,
    "spentUntil" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "rateLimits_pkey" PRIMARY KEY ("subscriptionId")
);

-- CreateTable
CREATE TABLE "tallies" (
    "id" BIGSERIAL NOT NULL,
    "events" BIGINT NOT NULL DEFAULT 0,
    "pending" BIGINT NOT NULL DEFAULT 0,
    "sent" BIGINT NOT NULL DEFAULT 0,
    "failed" BIGINT NOT NULL DEFAULT 0,
    "dead" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "tallies_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "deliveries_waiting_idx" ON "deliveries"("subscriptionId", "status", "nextRunAt") WHERE ("queuedUntil" is null and status in ('PENDING', 'FAILED'));

-- The totals so far.
INSERT INTO "tallies" ("events", "pending", "sent", "failed", "dead")
SELECT
  (SELECT count(*) FROM "events"),
  count(*) FILTER (WHERE "status" = 'PENDING'),
  count(*) FILTER (WHERE "status" = 'SENT'),
  count(*) FILTER (WHERE "status" = 'FAILED'),
  count(*) FILTER (WHERE "status" = 'DEAD')
FROM "deliveries";
