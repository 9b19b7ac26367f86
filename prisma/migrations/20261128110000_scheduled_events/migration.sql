-- AlterEnum
ALTER TYPE "EventStatus" ADD VALUE 'SCHEDULED';
ALTER TYPE "EventStatus" ADD VALUE 'CANCELLED';

-- AlterTable
ALTER TABLE "events" ADD COLUMN     "deliverAt" TIMESTAMPTZ(3),
ADD COLUMN     "expiresAt" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "scheduledEvents" (
    "eventId" UUID NOT NULL,
    "deliverAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "scheduledEvents_pkey" PRIMARY KEY ("eventId")
);

-- CreateTable
CREATE TABLE "expiringEvents" (
    "eventId" UUID NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "expiringEvents_pkey" PRIMARY KEY ("eventId")
);

-- CreateIndex
CREATE INDEX "scheduledEvents_deliverAt_eventId_idx" ON "scheduledEvents"("deliverAt", "eventId");

-- CreateIndex
CREATE INDEX "expiringEvents_expiresAt_eventId_idx" ON "expiringEvents"("expiresAt", "eventId");
