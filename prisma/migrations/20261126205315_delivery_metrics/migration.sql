-- CreateEnum
CREATE TYPE "MetricsInterval" AS ENUM ('MINUTE', 'HOUR', 'DAY');

-- AlterTable
ALTER TABLE "tallies" ADD COLUMN     "accepted" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "deadAttempts" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "failedAttempts" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "sentAttempts" BIGINT NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "deliveryMetrics" (
    "interval" "MetricsInterval" NOT NULL,
    "subscriptionId" UUID NOT NULL,
    "eventType" TEXT NOT NULL,
    "startsAt" TIMESTAMPTZ(3) NOT NULL,
    "sent" BIGINT NOT NULL,
    "failed" BIGINT NOT NULL,
    "dead" BIGINT NOT NULL,
    "latencyBuckets" INTEGER[],
    "latencyCounts" BIGINT[],

    CONSTRAINT "deliveryMetrics_pkey" PRIMARY KEY ("interval","subscriptionId","eventType","startsAt")
);

-- CreateTable
CREATE TABLE "deliveryMetricsDeltas" (
    "id" BIGSERIAL NOT NULL,
    "minute" TIMESTAMPTZ(3) NOT NULL,
    "subscriptionId" UUID NOT NULL,
    "eventType" TEXT NOT NULL,
    "sent" INTEGER NOT NULL,
    "failed" INTEGER NOT NULL,
    "dead" INTEGER NOT NULL,
    "responseTimesMs" INTEGER[],

    CONSTRAINT "deliveryMetricsDeltas_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "deliveryMetrics_interval_startsAt_subscriptionId_eventType_idx" ON "deliveryMetrics"("interval", "startsAt", "subscriptionId", "eventType");
