-- AlterTable
ALTER TABLE "deliveries" ADD COLUMN     "orderingHash" BIGINT,
ADD COLUMN     "orderingSequence" BIGINT;

-- AlterTable
ALTER TABLE "events" ADD COLUMN     "orderingKey" TEXT;

-- AlterTable
ALTER TABLE "outbox" ADD COLUMN     "orderingHash" BIGINT,
ADD COLUMN     "orderingSequence" BIGINT;

-- AlterTable
ALTER TABLE "scheduledEvents" ADD COLUMN     "orderingHash" BIGINT;

-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "isOrdered" BOOLEAN NOT NULL DEFAULT false;

-- The order of events with an ordering key. A session must not keep numbers in advance: see src/model/ordering.ts.
CREATE SEQUENCE "orderingSequence" AS BIGINT CACHE 1;
