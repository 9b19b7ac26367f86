-- CreateEnum
CREATE TYPE "ErasureState" AS ENUM ('RUNNING', 'FINISHED');

-- CreateTable
CREATE TABLE "erasures" (
    "id" UUID NOT NULL,
    "tenant" TEXT,
    "subscriptionId" UUID,
    "state" "ErasureState" NOT NULL DEFAULT 'RUNNING',
    "until" UUID NOT NULL,
    "erased" INTEGER NOT NULL DEFAULT 0,
    "waiting" INTEGER NOT NULL DEFAULT 0,
    "cursor" UUID NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    "isListed" BOOLEAN NOT NULL DEFAULT false,
    "nextStepAt" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', now()),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', now()),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', now()),
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "erasures_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "erasureEvents" (
    "erasureId" UUID NOT NULL,
    "eventId" UUID NOT NULL,

    CONSTRAINT "erasureEvents_pkey" PRIMARY KEY ("erasureId", "eventId")
);

-- CreateIndex
CREATE INDEX "erasures_running_idx" ON "erasures"("nextStepAt") WHERE ("state" = 'RUNNING');

-- CreateIndex
CREATE INDEX "erasures_of_tenant_idx" ON "erasures"("tenant", "id");
