-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "filter" TEXT;

-- CreateTable
CREATE TABLE "filter_errors" (
    "subscriptionId" UUID NOT NULL,
    "count" INTEGER NOT NULL,
    "lastError" TEXT NOT NULL,
    "lastAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "filter_errors_pkey" PRIMARY KEY ("subscriptionId")
);
