-- AlterTable
ALTER TABLE "events" ALTER COLUMN "updatedAt" SET DEFAULT date_trunc('milliseconds', now());

-- AlterTable
ALTER TABLE "subscriptions" ALTER COLUMN "createdAt" SET DEFAULT date_trunc('milliseconds', now()),
ALTER COLUMN "updatedAt" SET DEFAULT date_trunc('milliseconds', now());

-- AlterTable
ALTER TABLE "deliveries" ALTER COLUMN "createdAt" SET DEFAULT date_trunc('milliseconds', now()),
ALTER COLUMN "updatedAt" SET DEFAULT date_trunc('milliseconds', now());

-- AlterTable
ALTER TABLE "deliveryLogs" ALTER COLUMN "createdAt" SET DEFAULT date_trunc('milliseconds', now());
