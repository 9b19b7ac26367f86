-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN     "endpointVersion" INTEGER NOT NULL DEFAULT 0;
