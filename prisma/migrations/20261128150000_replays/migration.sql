-- CreateEnum
CREATE TYPE "ReplayState" AS ENUM ('RUNNING', 'PAUSED', 'FINISHED', 'CANCELLED');

-- CreateTable
CREATE TABLE "replays" (
    "id" UUID NOT NULL,
    "tenant" TEXT,
    "state" "ReplayState" NOT NULL DEFAULT 'RUNNING',
    "filter" JSON,
    "missedBy" UUID,
    "ratePerSecond" INTEGER,
    "total" INTEGER,
    "done" INTEGER NOT NULL DEFAULT 0,
    "cursor" UUID NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    "nextStepAt" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', now()),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', now()),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT date_trunc('milliseconds', now()),
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "replays_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "replays_running_idx" ON "replays"("nextStepAt") WHERE ("state" = 'RUNNING');

-- CreateIndex
CREATE INDEX "replays_of_tenant_idx" ON "replays"("tenant", "id");
